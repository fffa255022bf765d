"""Sagas for people on call: lists stuck ones, reads one with its step log, retries."""

from __future__ import annotations

from dataclasses import dataclass

from order_svc.app.runs import Runs, new_owner
from order_svc.app.steps import Clock
from order_svc.domain import saga
from order_svc.domain.errors import OrderNotFound, OrderStateForbids
from order_svc.domain.order import Order, State, Step
from order_svc.store.history import History
from order_svc.store.leases import Leases
from order_svc.store.orders import Orders

STUCK_AFTER_S = 120
"""While all services are up, no order may stay unfinished longer than this."""
RETRYABLE = tuple(State)
"""An order that ends meanwhile is run too: the run finds nothing to do and gives the lease back."""


@dataclass(frozen=True)
class SteerSagas:
    """For the person on call."""

    orders: Orders
    leases: Leases
    history: History
    runs: Runs
    clock: Clock

    async def stuck(self, older_than_s: int) -> list[Order]:
        """Orders unfinished for at least this long, oldest first; 0 means 120 s."""
        return await self.history.stuck(older_than_s or STUCK_AFTER_S)

    async def get(self, order_id: str) -> tuple[Order, list[Step]]:
        """One saga with its step log. Raises OrderNotFound."""
        order = await self.orders.find(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return order, await self.history.steps(order_id)

    async def retry(self, order_id: str) -> Order:
        """Runs it at once, whatever it waits for. Raises OrderStateForbids when it has ended."""
        owner = new_owner()
        order = await self.orders.find(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        if order.state in saga.ENDED and order.due_at is None:
            raise OrderStateForbids(order_id, order.state)
        claimed = await self.leases.claim(order_id, owner, RETRYABLE)
        if claimed is None:
            return await self.runs.watch(order_id, _rests)
        progress = saga.resumed(claimed)
        if claimed.state is State.NEEDS_REVIEW:
            progress.move(claimed.resume_state or State.CANCELLING, self.clock(), "retried")
            progress.change(resume_state=None, cause="")
        return await self.runs.finish(progress, owner, _rests)


def _rests(order: Order) -> bool:
    return order.due_at is None
