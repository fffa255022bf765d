"""Purchases of a customer, from order events. Versions of one order may arrive in any order; the newest counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Units of one sku and their total after discounts."""

    sku: str
    quantity: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class OrderFact:
    """One version of an order. `confirmed`: this or an earlier version was confirmed; `cancelled_at`: this one is cancelled."""

    order_id: str
    version: int
    customer_id: str
    currency: str
    placed_at: datetime
    confirmed: bool
    cancelled_at: datetime | None
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True, slots=True)
class Purchase:
    """One line of a confirmed order, the `line`-th from 0. `cancelled_at` is None unless the order was cancelled."""

    order_id: str
    line: int
    sku: str
    quantity: int
    total_minor: int
    currency: str
    purchased_at: datetime
    cancelled_at: datetime | None


def newest(facts: Iterable[OrderFact]) -> list[OrderFact]:
    """One fact per order, by order id: its newest version, `confirmed` if any version was."""
    orders: dict[str, OrderFact] = {}
    for fact in facts:
        known = orders.get(fact.order_id, fact)
        later = fact if fact.version > known.version else known
        orders[fact.order_id] = replace(later, confirmed=known.confirmed or fact.confirmed)
    return [orders[order_id] for order_id in sorted(orders)]
