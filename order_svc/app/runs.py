"""Sagas running in this process: each in its own task, which a caller's cancellation does not stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from chassis import context, ids, telemetry
from chassis.errors import ServiceError
from order_svc.app.saga import LeaseLost, Saga
from order_svc.domain.errors import DomainError, OrderNotFound, Overloaded, Unreachable
from order_svc.domain.order import Order
from order_svc.domain.saga import Progress
from order_svc.store.orders import Lease, Orders

log = telemetry.logger()
T = TypeVar("T")

MOST_RUNNING = 256
"""Concurrent sagas in one process: enough to keep two cores busy, few enough that each is quick."""
MOST_WAITING = 4096
"""Callers queued for a place: enough for a burst, and memory stays bounded."""
PATIENCE_MOST_S = 15.0
"""The longest that a caller is kept waiting, whatever deadline it set."""
ANSWER_MARGIN_S = 0.2
"""Part of a caller's deadline that is kept for sending the answer back."""
POLL_S = 0.05
"""Pause between reads of an order that another process runs."""


class Runs:
    """Starts sagas, joins twins, and bounds how many run at once."""

    def __init__(self, saga: Saga, orders: Orders) -> None:
        self._saga = saga
        self._orders = orders
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._places = asyncio.Semaphore(MOST_RUNNING)
        self._waiting = 0

    @asynccontextmanager
    async def place(self, within_s: float) -> AsyncIterator[None]:
        """Takes one of the places for running sagas. Raises Overloaded when the queue is full or too slow."""
        if self._waiting >= MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            async with asyncio.timeout(within_s):
                await self._places.acquire()
        except TimeoutError:
            raise Overloaded from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()

    def is_running(self, key: str) -> bool:
        """Whether `join` would find the work under way."""
        return key in self._tasks

    async def join(self, key: str, work: Callable[[], Coroutine[Any, Any, T]], within_s: float) -> T:
        """The result of `work`, or of the same work if it is under way already, which continues after a TimeoutError."""
        task: asyncio.Task[T] | None = self._tasks.get(key)
        if task is None:
            task = asyncio.create_task(work())
            self._tasks[key] = task
            task.add_done_callback(lambda ended: self._ended(key, ended))
        async with asyncio.timeout(within_s):
            return await asyncio.shield(task)

    def _ended(self, key: str, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(key, None)
        failed = None if task.cancelled() else task.exception()
        if isinstance(failed, Exception) and not isinstance(failed, DomainError | ServiceError | LeaseLost):
            log.error("run.failed", key=key, error=repr(failed), exc_info=failed)

    async def go_on(self, progress: Progress, owner: str, within_s: float) -> Order:
        """Runs an order's saga that `owner` holds; returns and raises like Saga.go_on. Call it inside a task of `join`."""
        return await self._saga.go_on(progress, Lease(owner), within_s)

    async def finish(self, progress: Progress, owner: str, rests: Callable[[Order], bool]) -> Order:
        """Runs the saga when `owner` holds it, else waits for the run that does, until the order `rests` or the time is up.

        Returns the order as stored then.
        """
        within_s = patience_s()
        if progress.order.lease_owner == owner:
            await self._quietly(self.join(owner, lambda: self.go_on(progress, owner, within_s), within_s))
        return await self.watch(progress.order.order_id, rests)

    async def _quietly(self, run: Awaitable[object]) -> None:
        try:
            await run
        except (Unreachable, ServiceError, LeaseLost, TimeoutError) as failed:
            log.info("run.left", error=repr(failed))

    async def watch(self, order_id: str, rests: Callable[[Order], bool]) -> Order:
        """Reads the order until it `rests` or the time is up. Raises OrderNotFound."""
        while True:
            order = await self._orders.find(order_id)
            if order is None:
                raise OrderNotFound(order_id)
            if rests(order) or patience_s() <= POLL_S or order.lease_owner is None:
                return order
            await asyncio.sleep(POLL_S)


def patience_s() -> float:
    """Seconds that the caller of this RPC can still be kept waiting."""
    return max(0.0, context.remaining_s(PATIENCE_MOST_S) - ANSWER_MARGIN_S)


def new_owner() -> str:
    """A lease holder's name, unique to one run."""
    return ids.new_id("run")
