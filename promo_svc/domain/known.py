"""What a quote must know besides rules, cart and time. All of it may lag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from promo_svc.domain.usage import NONE_USED, Uses


@dataclass(frozen=True, slots=True)
class Known:
    """`orders`: how many the customer had confirmed and not cancelled. `available`: units by sku in all locations, where
    anything is known of it. Only what a candidate asks for is filled in."""

    uses: Uses = NONE_USED
    orders: int = 0
    available: Mapping[str, int] = field(default_factory=dict)


NOTHING_KNOWN = Known()
