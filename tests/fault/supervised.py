"""One service process, restarted whenever it ends, as any supervisor would do."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from chassis.local.config import ROOT
from chassis.local.watchdog import Watchdog

RESTART_S = 0.2
GRACE_S = 12.0
"""A draining server takes up to eight seconds."""


class Supervised:
    """`python -m tests.fault.process` for one service. `ends` counts unexpected ends."""

    def __init__(self, service: str, environment: Mapping[str, str], log: Path, watchdog: Watchdog) -> None:
        self.service = service
        self.ends = 0
        self.ended = asyncio.Event()
        """Set at each unexpected end; a caller that waits for one clears it first."""
        self._environment = dict(environment)
        self.log = log
        self._watchdog = watchdog
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process is not None else None

    def set(self, name: str, value: str) -> None:
        """Sets a variable of its environment, from the next start on."""
        self._environment[name] = value

    async def start(self) -> None:
        """Starts it and keeps it running."""
        self._stopping = False
        await self._launch()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL if necessary; it is not restarted."""
        self._stopping = True
        self.send(signal.SIGTERM)
        if self._task is not None:
            _, late = await asyncio.wait({self._task}, timeout=GRACE_S)
            if late:
                self.send(signal.SIGKILL)
            await self._task

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the current process, if it runs."""
        if self.pid is not None:
            os.kill(self.pid, number)

    async def _launch(self) -> None:
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.fault.process",
                self.service,
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._watchdog.watch(1, self._process.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        while self._process is not None:
            await self._process.wait()
            self._watchdog.forget(self._process.pid)
            self._process = None
            if self._stopping:
                return
            self.ends += 1
            self.ended.set()
            await asyncio.sleep(RESTART_S)
            if not self._stopping:
                await self._launch()
