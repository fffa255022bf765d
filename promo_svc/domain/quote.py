"""What a quote says: the priced lines, what applied, and what did not with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from promo_svc.domain.cart import CartLine
from promo_svc.domain.money import Money

Fact: TypeAlias = Money | str
"""What a cart has or a rule wants: money, or text as it is."""


class Reason(Enum):
    """Why a promotion or code did not apply."""

    NOT_STARTED = "NOT_STARTED"
    EXPIRED = "EXPIRED"
    PAUSED = "PAUSED"
    CONDITION_FAILED = "CONDITION_FAILED"
    NO_ELIGIBLE_ITEM = "NO_ELIGIBLE_ITEM"
    CODE_UNKNOWN = "CODE_UNKNOWN"
    USAGE_LIMIT = "USAGE_LIMIT"
    CUSTOMER_LIMIT = "CUSTOMER_LIMIT"
    EXCLUDED_BY = "EXCLUDED_BY"
    LOWER_VALUE_THAN = "LOWER_VALUE_THAN"
    NO_EFFECT = "NO_EFFECT"
    STOCK_LOW = "STOCK_LOW"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A promotion or code that did not apply: the rule (`node`), what it met and what it wants."""

    promotion_id: str
    code: str
    reason: Reason
    node: str = ""
    have: Fact = ""
    want: Fact = ""
    other_promotion_id: str = ""


@dataclass(frozen=True, slots=True)
class LineDiscount:
    """What one promotion took off one line."""

    promotion_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """A cart line and everything that was taken off it."""

    line: CartLine
    discounts: tuple[LineDiscount, ...]
    total_minor: int


@dataclass(frozen=True, slots=True)
class Applied:
    """A promotion that applied, and what it took off in all."""

    promotion_id: str
    name: str
    code: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced cart; total = subtotal - discount, and so for each line."""

    currency: str
    subtotal_minor: int
    discount_minor: int
    total_minor: int
    lines: tuple[QuotedLine, ...]
    applied: tuple[Applied, ...]
    skipped: tuple[Skipped, ...]
    quote_time: datetime
