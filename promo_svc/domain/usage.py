"""How many uses were given out, as a quote sees it. This may lag; the redemption decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FIRST_ORDER = ""
"""Used in place of a promotion's id for all promotions for first orders together, which a customer gets on one order."""
FIRST_ORDERS = 1
"""The limit of FIRST_ORDER per customer."""


@dataclass(frozen=True, slots=True)
class Uses:
    """Uses given out and not given back, by promotion id (or FIRST_ORDER): in all, and by the cart's customer. A missing
    id means none."""

    total: Mapping[str, int] = field(default_factory=dict)
    by_customer: Mapping[str, int] = field(default_factory=dict)


NONE_USED = Uses()
