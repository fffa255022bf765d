"""Keeps one program running: restarts it when it ends, with a longer delay each time, until `stop` is called."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable

from chassis.local.console import Console
from chassis.local.process import Process
from chassis.local.program import Program
from chassis.local.watchdog import Watchdog
from chassis.restarts import next_delay

GRACE_S = 10.0
"""Time to end by itself; a draining server takes up to eight seconds."""


class Child:
    """A supervised program. `changed` is called whenever its pid has changed."""

    def __init__(
        self, program: Program, rank: int, console: Console, watchdog: Watchdog, changed: Callable[[], None]
    ) -> None:
        self.program = program
        self.ends = 0
        self._rank = rank
        self._console = console
        self._watchdog = watchdog
        self._changed = changed
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Starts the program and keeps it running."""
        await self._launch()
        self._task = asyncio.create_task(self._keep())

    async def stop(self, now: asyncio.Event) -> None:
        """Ends the program: with its stop signal, then with SIGKILL after GRACE_S or when `now` is set."""
        self._stopping.set()
        if self._task is None:
            return
        if self._process is not None:
            self._process.send(self.program.stop_signal)
        hurry = asyncio.create_task(now.wait())
        await asyncio.wait({self._task, hurry}, timeout=GRACE_S, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not self._task.done() and self._process is not None:
            self._process.send(signal.SIGKILL)
        await self._task

    async def _launch(self) -> None:
        self._process = await Process.start(self.program, self._rank, self._console, self._watchdog)
        self._changed()

    async def _keep(self) -> None:
        delay_s = 0.0
        while self._process is not None:
            began = time.monotonic()
            code = await self._process.ended()
            self._process = None
            if self._stopping.is_set():
                return
            self.ends += 1
            delay_s = next_delay(delay_s, time.monotonic() - began)
            self._console.child(self.name, f"{_manner(code)}; starting it again in {delay_s:g} s")
            try:
                await asyncio.wait_for(self._stopping.wait(), delay_s)
            except TimeoutError:
                await self._launch()


def _manner(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
