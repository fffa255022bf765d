"""A quote: the priced lines, the promotions that applied, and those that did not with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from promo_svc.domain.cart import CartLine
from promo_svc.domain.money import Money

Fact: TypeAlias = Money | str
"""A value that a cart has or a rule wants: money, or plain text."""


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
    """A promotion or code that did not apply: the rule (`node`), what the cart has and what the rule wants."""

    promotion_id: str
    code: str
    reason: Reason
    node: str = ""
    have: Fact = ""
    want: Fact = ""
    other_promotion_id: str = ""


@dataclass(frozen=True, slots=True)
class LineDiscount:
    """The discount of one promotion on one line."""

    promotion_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """A cart line and its discounts."""

    line: CartLine
    discounts: tuple[LineDiscount, ...]
    total_minor: int


@dataclass(frozen=True, slots=True)
class Applied:
    """A promotion that applied, and its discount in all."""

    promotion_id: str
    name: str
    code: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced cart; total = subtotal - discount, for the cart and for each line."""

    currency: str
    subtotal_minor: int
    discount_minor: int
    total_minor: int
    lines: tuple[QuotedLine, ...]
    applied: tuple[Applied, ...]
    skipped: tuple[Skipped, ...]
    quote_time: datetime
