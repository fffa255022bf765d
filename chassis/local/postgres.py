"""The embedded PostgreSQL: initialized once with a random password, then only started."""

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

MAX_CONNECTIONS = 400  # three services with up to eight workers and a pool each, the tests, and a user with psql
KEPT_LOG = "512MB"
"""Size of the write-ahead log files that are reused instead of removed: a commit that needs a new file waits up to 100 ms.
Only a server that has written this much before keeps this much."""
OLDEST_MAJOR = 14
PLAIN = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}  # the user's environment does not affect the server


@dataclass(frozen=True)
class Postgres:
    """An embedded server: its folder, its port and its password."""

    place: places.Place
    port: int
    password: str
    durable: bool = True  # False only in tests, which have no power cut to survive

    @property
    def url(self) -> str:
        """The superuser's URL, to the database `postgres`."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def program(self) -> Program:
        """The server program. It has no socket file, because the product uses only TCP on 127.0.0.1."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": MAX_CONNECTIONS,
            "fsync": "on" if self.durable else "off",
            "synchronous_commit": "on",
            "min_wal_size": KEPT_LOG,
            "log_checkpoints": "off",
            "log_line_prefix": "",  # the console adds the process's name
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            command=(str(self.place.installation / "bin" / "postgres"), "-D", str(self.place.data), *arguments),
            environment=PLAIN,
            folder=Path("/"),
            account=self.place.account,
            stop_signal=signal.SIGINT,  # fast shutdown: it does not wait for clients to disconnect
        )

    def prepare(self) -> None:
        """Creates the data folder when there is none; rejects one of another major version."""
        if self.place.fresh:
            self._initialize()
            return
        version = (self.place.data / "PG_VERSION").read_text().strip()
        if version != POSTGRES_MAJOR:
            raise CannotStart(
                f"{self.place.data} was created by Postgres {version}, but this is Postgres {POSTGRES_MAJOR}: "
                "dump it with the old version, or remove it to start afresh"
            )

    def _initialize(self) -> None:
        """Works in a folder beside the final one, so that an interrupted first start leaves no incomplete data."""
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
            raise CannotStart(f"Postgres could not create {self.place.data}: {last}")


def answers(url: str, timeout_s: int = 2) -> str | None:
    """None when the server accepts a connection and is new enough, otherwise the reason, in one line without the password."""
    try:
        with psycopg.connect(url, connect_timeout=timeout_s, autocommit=True) as connection:
            connection.execute("SELECT 1")
            major = connection.info.server_version // 10_000
    except psycopg.Error as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None if major >= OLDEST_MAJOR else f"Postgres {major} is too old; version {OLDEST_MAJOR} or later is needed"
