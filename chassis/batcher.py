"""Group work: what arrives while a batch is under way forms the next one, and where asked, batches keep a pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from chassis import errors, futures, telemetry
from chassis.stage_meter import StageMeter

T = TypeVar("T")
R = TypeVar("R")
log = telemetry.logger()

TURNS = 8
"""Of the event loop, at most, in which requests that have arrived already are read before a batch begins."""


class Batcher(Generic[T, R]):
    """`lanes` tasks flush a bounded queue in batches. `flush` answers each item, with a result or an exception.

    A submitter that is cancelled does not stop its batch: what was begun is finished. A batch is begun only when nothing
    waits for the stage that comes `after`: who would have to wait there waits here, and makes the batch larger. Nor is one
    begun within `pace_s` of the one before it; the first after a rest waits for nothing.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]],
        *,
        lanes: int,
        batch_weight: int,
        queue_items: int,
        weight: Callable[[T], int] = lambda _item: 1,
        after: Batcher[Any, Any] | None = None,
        pace_s: float = 0.0,
        name: str = "other",
    ) -> None:
        self._flush = flush
        self._batch_weight = batch_weight
        self._queue_items = queue_items
        self._weight = weight
        self._after = after
        self._pace_s = pace_s
        self._began_s = 0.0
        self._queue: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._meter = StageMeter(name, self._queue.__len__)
        self._emptied: asyncio.Future[None] | None = None
        self._lanes = lanes
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._loop: asyncio.AbstractEventLoop

    def start(self) -> None:
        """Starts the lanes; call it inside the loop that submits."""
        self._loop = asyncio.get_running_loop()  # kept: Python 3.11 asks the system for its pid at every look
        self._tasks = [asyncio.create_task(self._lane()) for _ in range(self._lanes)]

    async def close(self) -> None:
        """Finishes what is queued, then ends the lanes."""
        self._closing = True
        while self._idle:
            self._wake()
        await asyncio.gather(*self._tasks)

    async def submit(self, item: T) -> R:
        """Answers as `flush` did. OVERLOADED when the queue is full: nothing was done then."""
        if len(self._queue) >= self._queue_items or self._closing:
            raise errors.overloaded("too many requests are waiting")
        if not self._queue:
            self._meter.waits()
        answer: asyncio.Future[R] = self._loop.create_future()
        self._queue.append((item, answer))
        if self._idle:
            self._wake()
        try:
            return await answer
        finally:
            del answer  # a refusal knows this frame: it would keep its own future, and both wait for the collector

    def _wake(self) -> None:
        waiting = self._idle.popleft()
        if not waiting.done():
            waiting.set_result(None)

    async def _lane(self) -> None:
        while True:
            while not self._queue:
                if self._closing:
                    return
                waiting = self._loop.create_future()
                self._idle.append(waiting)
                await waiting
            if self._after is not None:
                await self._after.empty()
            await self._gather()
            batch = self._next_batch()
            self._began_s = self._loop.time()
            if self._emptied is not None and not self._queue:
                self._emptied.set_result(None)
                self._emptied = None
            await self._flush_batch(batch)

    async def _gather(self) -> None:
        """Lets the loop turn while it brings more: requests that have arrived already join this batch.

        Under load that alone would be batches of one or two, where a batch takes as long as a request: they keep a pace.
        """
        soonest_s = self._began_s + self._pace_s
        if self._loop.time() < soonest_s:
            await asyncio.sleep(soonest_s - self._loop.time())
        for _ in range(TURNS):
            before = len(self._queue)
            await asyncio.sleep(0)
            if len(self._queue) == before:
                return

    async def empty(self) -> None:
        """Returns when nothing waits here: all that was submitted is under way or answered."""
        while self._queue:
            if self._emptied is None:
                self._emptied = self._loop.create_future()
            await asyncio.shield(self._emptied)

    def _next_batch(self) -> list[tuple[T, asyncio.Future[R]]]:
        batch: list[tuple[T, asyncio.Future[R]]] = []
        room = self._batch_weight
        while self._queue and (not batch or room >= self._weight(self._queue[0][0])):
            item, answer = self._queue.popleft()
            if answer.done():  # its submitter is gone and nothing was done yet
                continue
            room -= self._weight(item)
            batch.append((item, answer))
        return batch

    async def _flush_batch(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        if not batch:
            return
        began = self._meter.begins(len(batch))
        try:
            results: Sequence[R | Exception] = await self._flush([item for item, _ in batch])
        except Exception as failed:
            results = [failed] * len(batch)
        self._meter.ends(began)
        for (_, answer), result in zip(batch, results, strict=True):
            futures.resolve(answer, result)
