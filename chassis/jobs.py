"""Background loops: each calls its `run_once` repeatedly, at once while there is work, otherwise after a pause."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable

from chassis import metrics, telemetry

log = telemetry.logger()

ROUNDS = metrics.counter("job_rounds_total", "Rounds of background loops", "loop", "outcome")

FINISH_S = 2.0
"""Time for a running round to finish when the process stops, and the same time again for its cancellation."""
MOST_PAUSE_S = 5.0
"""Longest pause before a failing job is retried."""


class Jobs:
    """The loops of one process. Call `start` in the composition root, and `stop` before the resources of the jobs close."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._wakes: list[asyncio.Event] = []

    def start(
        self,
        name: str,
        run_once: Callable[[], Awaitable[int | None]],
        pause_s: float,
        only_while: asyncio.Event | None = None,
        rest: float = 0.0,
        wake: asyncio.Event | None = None,
    ) -> None:
        """Calls `run_once` until stopped. It returns how much work it did: above zero, the next round follows at once, or
        after `rest` times the duration of the round when requests matter more.

        With `only_while`, a round begins only while that event is set: `leader.leading` for work that needs one process.
        `wake` ends a pause; the loop clears it before the round. With it, the `rest` follows every round.
        """
        if wake is not None:
            self._wakes.append(wake)
        loop = self._loop(name, run_once, pause_s, only_while, rest, wake)
        self._tasks.append(asyncio.create_task(loop, name=name))

    async def stop(self) -> None:
        """Lets every loop finish its round within FINISH_S, then cancels it: a round is safe to cut, because jobs repeat."""
        self._stopping.set()
        for wake in self._wakes:
            wake.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=FINISH_S)
            for task in late:
                log.info("job.cut", job=task.get_name())
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=FINISH_S)

    async def _loop(
        self,
        name: str,
        run_once: Callable[[], Awaitable[int | None]],
        pause_s: float,
        only_while: asyncio.Event | None,
        rest: float,
        wake: asyncio.Event | None,
    ) -> None:
        failures = 0
        while not self._stopping.is_set():
            if only_while is not None and not only_while.is_set():
                await self._until(only_while)
                continue
            began_s = time.monotonic()
            if wake is not None:
                wake.clear()
            try:
                done = await run_once()
                failures = 0
                ROUNDS.of(name, "ok").value += 1
            except Exception as failed:
                done, failures = 0, failures + 1
                ROUNDS.of(name, "failed").value += 1
                log.warning("job.failed", job=name, failures=failures, error=repr(failed))
            if rest and (done or wake is not None):
                await self._pause((time.monotonic() - began_s) * rest)
            if not done:
                pause_s_now = min(pause_s * 2**failures, max(MOST_PAUSE_S, pause_s)) * random.uniform(0.8, 1.2)
                await self._pause(pause_s_now, None if failures else wake)

    async def _pause(self, seconds: float, wake: asyncio.Event | None = None) -> None:
        """Pauses; ends early when the jobs stop or are woken."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for((wake or self._stopping).wait(), seconds)

    async def _until(self, event: asyncio.Event) -> None:
        """Returns when the event is set or the jobs stop."""
        waits = [asyncio.create_task(event.wait()), asyncio.create_task(self._stopping.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
