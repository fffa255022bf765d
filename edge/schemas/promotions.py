"""REST schemas of quotes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from edge.schemas.bounds import field
from edge.schemas.fields import Body, Currency, MoneyAnswer, SkuId, Units
from edge.schemas.orders import Channel, Codes, Customer, LineDiscountAnswer


class QuoteLine(Body):
    """One sku of the cart, at the price of the sku."""

    sku: SkuId
    quantity: Units


class Quote(Body):
    """A cart to price, as it would be ordered."""

    lines: Annotated[list[QuoteLine], field("promo.v1.Cart", "lines")]
    customer: Customer | None = None
    codes: Codes = Field(default_factory=list)
    currency: Currency
    channel: Channel


class QuotedLineAnswer(TypedDict):
    """One line after discounts."""

    sku: str
    quantity: int
    unit_price_minor: int
    subtotal_minor: int
    discounts: list[LineDiscountAnswer]
    total_minor: int


class AppliedAnswer(TypedDict):
    """A promotion that applied."""

    promotion_id: str
    name: str
    code: str
    amount: MoneyAnswer


class SkippedAnswer(TypedDict):
    """A promotion or code that did not apply, and why."""

    promotion_id: str
    code: str
    reason: str
    node: str
    have: str
    want: str
    other_promotion_id: str


class QuoteAnswer(TypedDict):
    """The priced cart."""

    subtotal: MoneyAnswer
    discount_total: MoneyAnswer
    total: MoneyAnswer
    lines: list[QuotedLineAnswer]
    applied: list[AppliedAnswer]
    skipped: list[SkippedAnswer]
    quoted_at: datetime | None
