"""The embedded PostgreSQL: made once with a random password, then started as it is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from chassis.local import place as places
from chassis.local.errors import CannotStart
from chassis.local.program import Program
from chassis.local.wheels import POSTGRES_MAJOR

MAX_CONNECTIONS = 400  # three services of up to eight workers with a pool each, the tests' own, and a person with psql
KEPT_LOG = "512MB"
"""Files of the write-ahead log that are used again instead of removed: a commit that needs a new one waits up to 100 ms
for it. Only a server that has once written so much keeps so much."""
OLDEST_MAJOR = 14
PLAIN = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}  # nothing of the person's environment changes the server


@dataclass(frozen=True)
class Postgres:
    """An embedded server: where it is, where it listens and how one gets in."""

    place: places.Place
    port: int
    password: str
    durable: bool = True  # False only in tests, which have no power cut to survive

    @property
    def url(self) -> str:
        """The superuser's way in, to the database `postgres`."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def program(self) -> Program:
        """The server. Without a socket file: TCP on 127.0.0.1 is all that the product uses."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": MAX_CONNECTIONS,
            "fsync": "on" if self.durable else "off",
            "synchronous_commit": "on",
            "min_wal_size": KEPT_LOG,
            "log_checkpoints": "off",
            "log_line_prefix": "",  # the console says who speaks
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            command=(str(self.place.installation / "bin" / "postgres"), "-D", str(self.place.data), *arguments),
            environment=PLAIN,
            folder=Path("/"),
            account=self.place.account,
            stop_signal=signal.SIGINT,  # fast shutdown: it does not wait for clients to leave
        )

    def prepare(self) -> None:
        """Makes the data folder when there is none; refuses one that another major version has made."""
        if self.place.fresh:
            self._initialize()
            return
        version = (self.place.data / "PG_VERSION").read_text().strip()
        if version != POSTGRES_MAJOR:
            raise CannotStart(
                f"{self.place.data} was made by Postgres {version} and this is {POSTGRES_MAJOR}: "
                "dump it with the old version, or remove it to start afresh"
            )

    def _initialize(self) -> None:
        """Works in a folder beside the final one, so that an interrupted first start leaves nothing half made."""
        scratch = self.place.data.with_name("postgres.new")
        password_file = self.place.data.with_name("postgres.password")
        shutil.rmtree(scratch, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        try:
            password_file.touch(mode=0o600, exist_ok=False)
            password_file.write_text(self.password)
            scratch.mkdir(mode=0o700)
            for path in (password_file, scratch):
                self.place.account.give(path)
            self._run_initdb(scratch, password_file)
            scratch.rename(self.place.data)
        finally:
            password_file.unlink(missing_ok=True)
            shutil.rmtree(scratch, ignore_errors=True)

    def _run_initdb(self, data: Path, password_file: Path) -> None:
        command = [
            str(self.place.installation / "bin" / "initdb"),
            f"--pgdata={data}",
            "--username=postgres",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            *([] if self.durable else ["--no-sync"]),
        ]
        result = subprocess.run(
            command, cwd="/", env=PLAIN, text=True, capture_output=True, **self.place.account.arguments()
        )
        if result.returncode != 0:
            last = (result.stderr.strip() or result.stdout.strip() or f"exit code {result.returncode}").splitlines()[-1]
            raise CannotStart(f"Postgres could not make {self.place.data}: {last}")


def answers(url: str, timeout_s: int = 2) -> str | None:
    """None when the server takes a connection and is new enough, else why not, in one line without the password."""
    try:
        with psycopg.connect(url, connect_timeout=timeout_s, autocommit=True) as connection:
            connection.execute("SELECT 1")
            major = connection.info.server_version // 10_000
    except psycopg.Error as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None if major >= OLDEST_MAJOR else f"it is Postgres {major}, and {OLDEST_MAJOR} is the oldest that will do"
