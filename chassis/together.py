"""Groups calls of one kind: calls that are made while another is in flight are sent together, in one message. There is no
timer and no artificial wait: when none is in flight, a call is sent at once, alone, in its caller's own context.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from chassis import futures

T = TypeVar("T")
R = TypeVar("R")

MOST = 100
"""Items in one message."""


class Together(Generic[T, R]):
    """`one` sends a single item; `many` sends several and returns a result or an exception for each."""

    def __init__(
        self,
        one: Callable[[T], Awaitable[R]],
        many: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]],
    ) -> None:
        self._one = one
        self._many = many
        self._under_way = False
        self._waiting: deque[tuple[T, asyncio.Future[R], contextvars.Context]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, item: T) -> R:
        """Returns or raises the result of the item, as `one` would."""
        if self._under_way:
            answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            self._waiting.append((item, answer, contextvars.copy_context()))
            return await answer
        self._under_way = True
        try:
            return await self._one(item)
        finally:
            self._next()

    def _next(self) -> None:
        """Sends the next group."""
        group: list[tuple[T, asyncio.Future[R], contextvars.Context]] = []
        while self._waiting and len(group) < MOST:
            entry = self._waiting.popleft()
            if not entry[1].done():  # otherwise its caller was cancelled
                group.append(entry)
        if not group:
            self._under_way = False
            return
        # A single item keeps its caller's deadline and request id; a group has none.
        context = group[0][2] if len(group) == 1 else contextvars.Context()
        items, answers = [entry[0] for entry in group], [entry[1] for entry in group]
        task = asyncio.get_running_loop().create_task(self._carry(items, answers), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, items: list[T], answers: list[asyncio.Future[R]]) -> None:
        results: Sequence[R | Exception]
        try:
            results = [await self._one(items[0])] if len(items) == 1 else await self._many(items)
        except Exception as failed:
            results = [failed] * len(items)
        finally:
            self._next()
        for answer, result in zip(answers, results, strict=True):
            futures.resolve(answer, result)
