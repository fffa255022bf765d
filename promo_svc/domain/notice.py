"""A customer's request to be told when a sku is back, and how many are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MOST_OF_CUSTOMER = 100
"""Open requests of one customer: more is no wish list, and who answers it reads a page."""
MOST_OF_SKU = 10_000
"""Open requests for one sku: what one crossing tells is one transaction, well within a second."""
NOTICES_PER_UNIT = 2
"""Customers who are told of one unit: not everybody buys, and who comes too late was promised nothing but a look."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer waits for. `channel` and `email` are empty when not given."""

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
    """How many customers are told when so many units are back."""
    return min(max(available, 0) * NOTICES_PER_UNIT, MOST_OF_SKU)
