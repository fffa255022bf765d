"""Runs one order's saga from its stored state until it ends, waits for the customer, or must be tried again later."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

from chassis import context, telemetry
from chassis.errors import ServiceError
from order_svc.app.checkout import Checkout
from order_svc.app.steps import MOST_CHARACTERS
from order_svc.app.undo import Undo
from order_svc.domain import saga
from order_svc.domain.errors import Refused, Unreachable, refused
from order_svc.domain.order import Order, State
from order_svc.domain.saga import Progress
from order_svc.store.orders import Lease, Orders, StaleVersion

log = telemetry.logger()

RUN_S = 20.0
"""A run starts no call after this. With one call's timeout it ends within its lease of 30 s."""
LEAVE_S = 3.0
"""Time for storing how far a run came, after its own time is up."""
FIRST_PAUSE_S = 0.05
MOST_PAUSE_S = 0.3
"""Pauses within a run, while its caller waits; for later tries see domain/saga.py."""


class LeaseLost(Exception):
    """Another run holds this saga now."""


@dataclass(frozen=True)
class Saga:
    """The only writer of orders that exist."""

    orders: Orders
    checkout: Checkout
    undo: Undo

    async def go_on(self, progress: Progress, lease: Lease, patience_s: float) -> Order:
        """Runs until the order is settled or waits. Retries for `patience_s`, then leaves it to the worker.

        Raises Unreachable or ServiceError: the worker resumes it. Raises LeaseLost: another run continues it.
        """
        context.set_deadline(RUN_S)
        give_up = time.monotonic() + min(patience_s, RUN_S)
        failures = 0
        while True:
            try:
                return await self._run(progress, lease)
            except StaleVersion:
                await self._reload(progress, lease)
            except (Unreachable, ServiceError) as failed:
                failures += 1
                pause = min(MOST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 10)) * (0.5 + random.random())
                if time.monotonic() + pause > give_up:
                    await self._leave(progress, lease, str(failed))
                    raise
                await asyncio.sleep(pause)
                if isinstance(failed, ServiceError):
                    # Our own store failed: only a read shows whether the last change was stored.
                    await self._try_reload(progress, lease)
            except LeaseLost:
                raise
            except Exception as bug:
                log.exception("saga.failed", order_id=progress.order.order_id, error=repr(bug))
                await self._try_reload(progress, lease)
                await self._leave(progress, lease, repr(bug))
                raise

    async def _run(self, progress: Progress, lease: Lease) -> Order:
        released = False
        while not self._rests(progress):
            await self._step(progress)
            if progress.needs_no_store:
                continue  # stored with what follows: a crash in between claims and asks the provider again
            released = await self._store(progress, lease)
        if not released:  # nothing was left to do
            await self._store(progress, lease)
        return progress.order

    async def _step(self, progress: Progress) -> None:
        order = progress.order
        if order.cancel_cause is not None and order.state in saga.CANCELLABLE:
            self._begin_cancelling(progress, order.cancel_cause)
            return
        try:
            match order.state:
                case State.PRICED:
                    await self.checkout.claim(progress)
                case State.AUTHORIZING:
                    await self.checkout.pay(progress)
                case State.AUTHORIZED:
                    await self.checkout.confirm(progress)
                case State.CANCELLING:
                    await self.undo.undo(progress)
                case State.CANCELLED:  # the payment was authorized after all
                    await self.undo.give_money_back(progress)
                case _:
                    raise ValueError(f"{order.order_id}: nothing to do in {order.state}")
        except Refused as no:
            progress.refuse(no.refusal, self.checkout.clock())

    def _begin_cancelling(self, progress: Progress, cause: str) -> None:
        order = progress.order
        if order.confirmed_at is None:
            no = refused(
                "FAILED_PRECONDITION",
                "ORDER_STATE_FORBIDS",
                f"order {order.order_id} was cancelled: {cause}",
                order_id=order.order_id,
                state=State.CANCELLED,
            )
            progress.change(refusal=order.refusal or no.refusal)
        progress.change(cause=cause, resume_state=None)
        progress.move(State.CANCELLING, self.checkout.clock(), cause)

    def _rests(self, progress: Progress) -> bool:
        order = progress.order
        if order.cancel_cause is not None and order.state in saga.CANCELLABLE:
            return False
        if order.state is State.CANCELLED:
            return order.payment.status not in saga.HELD
        return progress.waits or order.state in (State.CONFIRMED, State.NEEDS_REVIEW)

    async def _store(self, progress: Progress, lease: Lease) -> bool:
        """Stores what changed; returns whether the run is over and the lease was given back."""
        if not self._rests(progress):
            await self.orders.update(progress, lease)
            return False
        rest_s = None
        if progress.waits and progress.order.payment.deadline is not None:
            rest_s = max(0.0, (progress.order.payment.deadline - self.checkout.clock()).total_seconds())
        await self.orders.update(progress, Lease(lease.owner, True, rest_s))
        return True

    async def _reload(self, progress: Progress, lease: Lease) -> None:
        order = await self.orders.find(progress.order.order_id)
        if order is None or order.lease_owner != lease.owner:
            raise LeaseLost(progress.order.order_id)
        progress.restart(order)

    async def _try_reload(self, progress: Progress, lease: Lease) -> None:
        try:
            await self._reload(progress, lease)
        except ServiceError as failed:
            log.info("saga.store_unreachable", order_id=progress.order.order_id, error=str(failed))

    async def _leave(self, progress: Progress, lease: Lease, error: str) -> None:
        """Stores how far it came and when to try again. If that fails too, the lease expires by itself."""
        attempts = progress.order.attempts + 1
        rest_s: float | None = saga.pause_s(attempts, random.random())
        if saga.gives_up(progress.order):
            progress.change(cause="RETRIES_ENDED", resume_state=progress.order.state)
            progress.move(State.NEEDS_REVIEW, self.checkout.clock(), "RETRIES_ENDED")
            rest_s = None
        elif progress.order.state is State.PRICED:
            progress.take_intent_back()
        progress.change(attempts=attempts, last_error=error[:MOST_CHARACTERS])
        context.set_deadline(LEAVE_S)
        try:
            await self.orders.update(progress, Lease(lease.owner, True, rest_s))
        except (StaleVersion, ServiceError) as failed:
            log.info("saga.not_left", order_id=progress.order.order_id, error=repr(failed))
