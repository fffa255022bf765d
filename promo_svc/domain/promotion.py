"""A promotion: its discount, its rules, its state. Whether it applies to a cart is in conditions.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from promo_svc.domain.errors import StateForbids
from promo_svc.domain.money import Money

WHOLE_BPS = 10_000
"""Basis points of the whole: 100 %."""


class State(Enum):
    """The life cycle of a promotion."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"


MAY_BECOME: dict[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.ACTIVE}),
    State.ACTIVE: frozenset({State.PAUSED}),
    State.PAUSED: frozenset({State.ACTIVE}),
}


@dataclass(frozen=True, slots=True)
class Percent:
    """A share of the eligible lines, in basis points from 1 to 10,000."""

    bps: int


@dataclass(frozen=True, slots=True)
class FixedAmount:
    """One amount off the eligible lines together."""

    money: Money


@dataclass(frozen=True, slots=True)
class Promotion:
    """A discount and the rules under which it is given. An empty rule always holds; a limit of 0 means no limit."""

    promotion_id: str
    name: str
    discount: Percent | FixedAmount
    state: State = State.DRAFT
    code: str = ""
    usage_limit: int = 0
    customer_limit: int = 0
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    minimum_amount: Money | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    channels: tuple[str, ...] = ()
    priority: int = 0
    exclusive: bool = False
    first_order_only: bool = False
    minimum_purchases: int = 0
    stock_skus: tuple[str, ...] = ()
    minimum_available: int = 0

    @property
    def asks_history(self) -> bool:
        """True when the customer's earlier orders must be counted before it may be given."""
        return self.first_order_only or self.minimum_purchases > 0

    @property
    def is_limited(self) -> bool:
        """True when uses must be counted before it may be given."""
        return self.usage_limit > 0 or self.customer_limit > 0

    def status_at(self, now: datetime) -> str:
        """ACTIVE, or why it is not given at `now`: DRAFT, PAUSED, NOT_STARTED, EXPIRED."""
        if self.state is not State.ACTIVE:
            return self.state.name
        if self.start_time is not None and now < self.start_time:
            return "NOT_STARTED"
        if self.end_time is not None and now >= self.end_time:
            return "EXPIRED"
        return "ACTIVE"


@dataclass(frozen=True, slots=True)
class StoredPromotion:
    """A stored promotion: its version, its times, `used` (uses given out and not given back), and whether stock suspends it."""

    promotion: Promotion
    version: int
    create_time: datetime
    update_time: datetime
    used: int = 0
    suspended: bool = False


def check_move(promotion: Promotion, to: State) -> bool:
    """True when the state must change, False when it is there already. StateForbids when it may not."""
    if promotion.state is to:
        return False
    if to not in MAY_BECOME[promotion.state]:
        raise StateForbids(promotion.promotion_id, promotion.state.value)
    return True
