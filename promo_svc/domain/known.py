"""What a quote must know besides rules, cart and time. All of it may lag."""

from __future__ import annotations

from dataclasses import dataclass

from promo_svc.domain.usage import NONE_USED, Uses


@dataclass(frozen=True, slots=True)
class Known:
    """`orders`: how many the customer had confirmed and not cancelled. Only what a candidate asks for is filled in."""

    uses: Uses = NONE_USED
    orders: int = 0


NOTHING_KNOWN = Known()
