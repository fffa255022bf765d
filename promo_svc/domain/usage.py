"""How many uses were given out, as a quote sees it. The redemption decides; this may lag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FIRST_ORDER = ""
"""Stands where a promotion's id does: all promotions for first orders together, of which a customer gets one order's."""
FIRST_ORDERS = 1
"""The limit of it."""


@dataclass(frozen=True, slots=True)
class Uses:
    """Uses given and not given back, by promotion id: in all, and by the cart's customer (FIRST_ORDER, too). Absent means
    none."""

    total: Mapping[str, int] = field(default_factory=dict)
    by_customer: Mapping[str, int] = field(default_factory=dict)


NONE_USED = Uses()
