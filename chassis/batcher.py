"""Group work: items that arrive while a batch is running form the next one; `pace_s` is the least time between two starts."""

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
"""Most turns of the event loop in which requests that have already arrived are read before a batch begins."""


class Batcher(Generic[T, R]):
    """`lanes` tasks flush a bounded queue in batches. `flush` returns a result or an exception for each item.

    Cancelling a submitter does not stop its batch: a batch that has begun is finished. A batch begins only when the queue of
    the stage `after` this one is empty: items that would queue there are held here, so batches grow. Batches start at least
    `pace_s` apart; after an idle time a batch starts at once.
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
        self._loop = asyncio.get_running_loop()  # kept: Python 3.11 asks the system for the pid at each call
        self._tasks = [asyncio.create_task(self._lane()) for _ in range(self._lanes)]

    async def close(self) -> None:
        """Finishes what is queued, then ends the lanes."""
        self._closing = True
        while self._idle:
            self._wake()
        await asyncio.gather(*self._tasks)

    async def submit(self, item: T) -> R:
        """Returns or raises the result of `flush`. OVERLOADED when the queue is full: then nothing was done."""
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
            del answer  # an exception refers to this frame: with the future it would form a reference cycle

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
        """Lets the loop turn as long as this adds items: requests that have already arrived join this batch.

        Under load, where a batch takes as long as a request, this alone would give batches of one or two; `pace_s` makes
        them larger.
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
        """Returns when the queue is empty: all submitted items are in a batch or finished."""
        while self._queue:
            if self._emptied is None:
                self._emptied = self._loop.create_future()
            await asyncio.shield(self._emptied)

    def _next_batch(self) -> list[tuple[T, asyncio.Future[R]]]:
        batch: list[tuple[T, asyncio.Future[R]]] = []
        room = self._batch_weight
        while self._queue and (not batch or room >= self._weight(self._queue[0][0])):
            item, answer = self._queue.popleft()
            if answer.done():  # its submitter was cancelled before anything was done
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
