"""Reads of orders for people and channels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chassis import pagination
from order_svc.domain.errors import OrderNotFound
from order_svc.domain.order import Order, Transition
from order_svc.store.history import Filter, History
from order_svc.store.orders import Orders


@dataclass(frozen=True)
class ReadOrders:
    """Reads only."""

    orders: Orders
    history: History

    async def get(self, order_id: str) -> tuple[Order, list[Transition]]:
        """One order with its history. Raises OrderNotFound."""
        order = await self.orders.find(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return order, await self.history.transitions(order_id)

    async def page(self, which: Filter, page_size: int, page_token: str) -> tuple[list[Order], str]:
        """One page, newest first, and the token of the next, empty on the last. Raises PAGE_TOKEN_INVALID."""
        query = repr(which)
        key = pagination.after(query, page_token, datetime, str)
        after = None if key is None else (key[0], key[1])
        orders = await self.history.page(which, after, page_size + 1)
        if len(orders) <= page_size:
            return orders, ""
        last = orders[page_size - 1]
        return orders[:page_size], pagination.token(query, [last.created_at, last.order_id])
