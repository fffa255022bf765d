"""CancelOrder and ForceCancelSaga: both store the request first; then the run that holds the lease undoes the order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from order_svc.app.runs import Runs, new_owner
from order_svc.domain import refund, saga
from order_svc.domain.errors import GoodsHaveLeft, OrderNotFound, OrderStateForbids, Unreachable
from order_svc.domain.order import Order, State
from order_svc.store.leases import Leases
from order_svc.store.orders import Orders

UNFINISHED = saga.CANCELLABLE - {State.CONFIRMED}


@dataclass(frozen=True)
class CancelOrder:
    """Safe to repeat: an order is undone once."""

    orders: Orders
    leases: Leases
    runs: Runs

    async def cancel(self, order_id: str, cause: str) -> Order:
        """Returns the order: CANCELLED; CONFIRMED with cancelled units when a part of the goods had left; CANCELLING while a
        dependency is down. Raises GoodsHaveLeft when all goods had left."""
        order = await self.orders.find(order_id)
        if order is not None and _kept_in_part(order):
            return order  # nothing is open any more
        return await self._undo(order_id, cause, saga.CANCELLABLE)

    async def force(self, order_id: str, cause: str) -> Order:
        """Does the same for unfinished orders only. Raises OrderStateForbids for one that is confirmed or cancelled."""
        order = await self.orders.find(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        if order.state in saga.ENDED:
            raise OrderStateForbids(order_id, order.state)
        return await self._undo(order_id, cause, UNFINISHED)

    async def _undo(self, order_id: str, cause: str, states: Collection[State]) -> Order:
        owner = new_owner()
        order = await self.leases.want_cancelled(order_id, owner, cause, states)
        if order is None:
            order = await self.leases.claim(order_id, owner, (State.CANCELLING,))
        if order is None:
            order = await self.orders.find(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        if order.state is State.CANCELLED:
            return order
        after = await self.runs.finish(saga.resumed(order), owner, _undone_or_kept)
        if after.state in (State.CANCELLED, State.CANCELLING) or _kept_in_part(after):
            return after
        if after.state is State.CONFIRMED and after.cancel_cause is None:
            raise GoodsHaveLeft(order_id, after.state)
        raise Unreachable("order", "the order will be cancelled; retry to see the result")


def _kept_in_part(order: Order) -> bool:
    return order.state is State.CONFIRMED and order.cancel_cause is None and refund.partly_cancelled(order)


def _undone_or_kept(order: Order) -> bool:
    return order.state is State.CANCELLED or (order.state is State.CONFIRMED and order.cancel_cause is None)
