"""Real Postgres and Valkey for tests: embedded, in their own folder, removed with the test session.

Tests of faults kill and restart them through `Running`.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from chassis.local import account, place, ports, postgres, valkey
from chassis.local.postgres import Postgres
from chassis.local.program import Program
from chassis.local.valkey import Valkey
from chassis.local.watchdog import Watchdog
from tests import config

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
POLL_S = 0.02


def wait_for(condition: Callable[[], bool], what: str, within_s: float = READY_WITHIN_S) -> None:
    """Returns as soon as the condition holds; fails with `what` if it does not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(POLL_S)


class Running:
    """One server process that a test may kill and restart at the same port."""

    def __init__(self, url: str, program: Program, answers: Callable[[str], str | None], log: Path) -> None:
        self.url = url
        self._program = program
        self._answers = answers
        self._log = log
        self._watchdog = Watchdog()
        self.start()

    def start(self) -> None:
        """Starts the process and waits until it answers."""
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                self._program.command,
                env=dict(self._program.environment),
                cwd=self._program.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._program.account.arguments(),
            )
        self._watchdog.watch(0, self.process.pid, self._program.stop_signal)
        wait_for(self._is_up, f"{self._program.name} answers")

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"{self._program.name} ended at once:\n{self._log.read_text()}")
        return self._answers(self.url) is None

    def kill(self) -> None:
        """Ends the process with SIGKILL, as a crash would."""
        self.process.kill()
        self._ended()

    def stop(self) -> None:
        """Ends the process with its own stop signal."""
        if self.process.poll() is None:
            self.process.send_signal(self._program.stop_signal)
        self._ended()

    def close(self) -> None:
        """Ends the process finally."""
        self.stop()
        self._watchdog.close()

    def _ended(self) -> None:
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self._watchdog.forget(self.process.pid)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder that Postgres' account may enter; pytest's own is closed to it when root runs the tests."""
    path = Path(tempfile.mkdtemp(prefix="one-stock-test-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running_postgres(installation: Path | None = None) -> Iterator[Running]:
    """A separate Postgres, embedded unless an installation is given, or TEST_POSTGRES names one.

    The embedded one differs from `make run` only in fsync: a test survives no power cut. An installed one keeps its defaults
    (fsync and JIT are on), but it also records the commit time of each transaction, which the push bench reads.
    """
    installation = installation or config.load().postgres
    with folder() as home:
        data = home / "postgres"
        where = place.Place(account.for_postgres(data), installation, data) if installation else place.find(home)
        server = Postgres(where, ports.free(), secrets.token_urlsafe(12), durable=installation is not None)
        server.prepare()
        more = ("-c", "track_commit_timestamp=on") if installation else ()
        program = replace(server.program, command=(*server.program.command, *more))
        running = Running(server.url, program, postgres.answers, home / "postgres.log")
        try:
            yield running
        finally:
            running.close()


@contextlib.contextmanager
def running_valkey(installed: Path | None = None) -> Iterator[Running]:
    """A separate Valkey, or a Redis if its program is given, or TEST_REDIS names it."""
    installed = installed or config.load().redis
    with folder() as home:
        server = Valkey(home, ports.free(), secrets.token_urlsafe(12))
        server.prepare()
        embedded, settings = server.program.command
        program = replace(server.program, command=(str(installed or embedded), settings))
        running = Running(server.url, program, valkey.answers, home / "valkey.log")
        try:
            yield running
        finally:
            running.close()
