"""The facts that a quote needs besides rules, cart and time. All of them may lag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from promo_svc.domain.usage import NONE_USED, Uses


@dataclass(frozen=True, slots=True)
class Known:
    """`orders`: how many of the customer's orders were confirmed and not cancelled. `available`: units in all locations,
    by sku, of known skus only. Only the facts that a candidate needs are filled in."""

    uses: Uses = NONE_USED
    orders: int = 0
    available: Mapping[str, int] = field(default_factory=dict)


NOTHING_KNOWN = Known()
