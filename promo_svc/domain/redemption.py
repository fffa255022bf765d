"""A redemption: uses of promotions, claimed for one order. The journal decides its state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class RedemptionState(Enum):
    """The life cycle of a redemption; ACTIVE may become any other state, COMMITTED only CANCELLED."""

    ACTIVE = "ACTIVE"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    ABORTED = "ABORTED"
    CANCELLED = "CANCELLED"


HOLDING = frozenset({RedemptionState.ACTIVE, RedemptionState.COMMITTED})
"""States in which the uses are given out."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """One use of each named promotion, by one customer or by a guest (empty customer_id)."""

    redemption_id: str
    state: RedemptionState
    customer_id: str
    promotion_ids: tuple[str, ...]
    expire_time: datetime
    create_time: datetime
