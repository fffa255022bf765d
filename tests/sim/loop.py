"""An asyncio event loop with virtual time and a seeded choice of the next ready callback. No I/O, no threads.

A callback belongs to the process in whose context it runs: callbacks of dead processes are dropped, those of paused ones wait.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")


class Host:
    """A process that may crash and be paused: owns its callbacks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.paused = False
        self.waiting: list[asyncio.Handle] = []


HOST: ContextVar[Host | None] = ContextVar("host", default=None)


class SimulatedLoop(asyncio.AbstractEventLoop):
    """The parts of a loop that tasks, futures, sleep, shield and wait_for need."""

    def __init__(self, random: Random, start_s: float) -> None:
        self._random = random
        self._now_s = start_s
        self._ready: list[asyncio.Handle] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._sequence = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self.steps = 0

    def time(self) -> float:
        return self._now_s

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Ignores it: a task that a crash ended, or a failure that no caller awaits, is expected here."""

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context or copy_context())
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context or copy_context())
        self._sequence += 1
        heapq.heappush(self._timers, (when, self._sequence, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are dropped at their due time."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=self, name=name or "task", context=context)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._tasks.append(task)
        return task

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs until `main` is done."""
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._step()
            return task.result()
        finally:
            asyncio._set_running_loop(None)

    def resume(self, host: Host) -> None:
        """Lets a paused process continue from where it stopped."""
        host.paused = False
        self._ready += host.waiting
        host.waiting = []

    def unfinished(self) -> list[asyncio.Task[Any]]:
        """Tasks that a crash interrupted or that did not end; kept, so that their clean-up does not run at a random moment."""
        return [task for task in self._tasks if not task.done()]

    def _step(self) -> None:
        ready, timers = self._ready, self._timers
        if not ready:
            if not timers:
                raise RuntimeError("every task waits for ever")
            self._now_s = max(self._now_s, timers[0][0])
        while timers and timers[0][0] <= self._now_s:
            ready.append(heapq.heappop(timers)[2])
        count = len(ready)
        if count > 1:
            position = int(self._random.random() * count)
            ready[position], ready[-1] = ready[-1], ready[position]
        handle = ready.pop()
        if handle._cancelled:
            return
        host = handle._context.get(HOST)  # type: ignore[attr-defined]
        if host is not None:
            if host.dead:
                return
            if host.paused:
                host.waiting.append(handle)
                return
        self.steps += 1
        handle._run()
