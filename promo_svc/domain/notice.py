"""A customer's request for a back-in-stock notice, and how many notices are sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MOST_OF_CUSTOMER = 100
"""Open requests of one customer: enough for any wish list, and one page to read."""
MOST_OF_SKU = 10_000
"""Open requests for one sku: a crossing notifies all of them in one transaction, well within a second."""
NOTICES_PER_UNIT = 2
"""Customers notified per unit: not every customer buys, and a notice holds no stock."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The sku that a customer waits for. `channel` and `email` are empty when not given."""

    customer_id: str
    sku: str
    channel: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """An open request."""

    wish: Wish
    requested_at: datetime


def most_told(available: int) -> int:
    """How many customers are notified when `available` units are back."""
    return min(max(available, 0) * NOTICES_PER_UNIT, MOST_OF_SKU)
