"""A Postgres and a Valkey that outlive the product, and two kinds of backup: of one instant, or four dumps in turn."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from chassis import services
from chassis.local import place, ports, postgres
from chassis.local.postgres import Postgres
from tests import servers
from tests.databases import named
from tests.servers import Running, folder

DATABASES = tuple(services.DATABASES.values())
"""The order in which the bad backup dumps them: the data that an order needs precedes the order, so that the newest orders
are in a dump without their goods."""


class Backups:
    """One Postgres server's backups. The product is stopped while one is restored."""

    def __init__(self, home: Path, server: Postgres, running: Running) -> None:
        self._home = home
        self._server = server
        self.running = running
        self._folder = home / "backups"
        self._folder.mkdir()
        server.place.account.give(self._folder)

    def of_one_instant(self) -> Path:
        """pg_basebackup: every database of the server at one instant, with the log up to it."""
        target = self._folder / secrets.token_hex(4)
        self._run("pg_basebackup", "--pgdata", str(target), "--checkpoint=fast", "--wal-method=stream")
        return target

    def dumps(self) -> Path:
        """pg_dump of each database, one after the other: each at its own instant."""
        target = self._folder / secrets.token_hex(4)
        target.mkdir()
        for name in DATABASES:
            self._run(
                "pg_dump", "--format=custom", f"--file={target / name}", "--dbname", named(self.running.url, name)
            )
        return target

    def restore_instant(self, backup: Path) -> None:
        """Replaces the server's files by the backup."""
        self.running.stop()
        data = self._server.place.data
        shutil.rmtree(data)
        shutil.move(backup, data)
        for path in (data, *data.rglob("*")):
            self._server.place.account.give(path)
        data.chmod(0o700)
        self.running.start()

    def restore_dumps(self, backup: Path) -> None:
        """Recreates the databases from their dumps."""
        for name in DATABASES:
            self._run("dropdb", "--force", name)
            self._run("createdb", name)
            self._run("pg_restore", "--dbname", named(self.running.url, name), str(backup / name))

    def _run(self, program: str, *arguments: str) -> None:
        url = urlsplit(self.running.url)
        environment = {
            "PGHOST": str(url.hostname),
            "PGPORT": str(url.port),
            "PGUSER": str(url.username),
            "PGPASSWORD": str(url.password),
            "LC_ALL": "C",
            "PATH": os.defpath,
        }
        command: Sequence[str] = (str(self._server.place.installation / "bin" / program), *arguments)
        subprocess.run(command, env=environment, cwd="/", check=True, capture_output=True)  # noqa: S603 our own command


@contextlib.contextmanager
def running() -> Iterator[tuple[Backups, Running]]:
    """Postgres with its backups, and Valkey."""
    with folder() as home, servers.running_valkey() as valkey:
        server = Postgres(place.find(home), ports.free(), secrets.token_urlsafe(12), durable=False)
        server.prepare()
        process = Running(server.url, server.program, postgres.answers, home / "postgres.log")
        try:
            yield Backups(home, server, process), valkey
        finally:
            process.close()
