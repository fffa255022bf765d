"""What orders look like over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from edge.schemas.fields import (
    MOST_LINES,
    Body,
    Currency,
    From,
    LocationId,
    MoneyAnswer,
    PageSize,
    PageToken,
    Query,
    Reason,
    SkuId,
    To,
    Units,
)

MOST_CODES = 10
State = Literal[
    "NEW",
    "PRICED",
    "RESERVED",
    "AUTHORIZING",
    "AUTHORIZED",
    "CONFIRMED",
    "CANCELLING",
    "CANCELLED",
    "NEEDS_REVIEW",
]
Codes = Annotated[list[Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=MOST_CODES)]
Channel = Annotated[str, Field(min_length=1, max_length=40, description="web, pos, a marketplace")]


class Address(Body):
    """A postal address."""

    recipient: Annotated[str, Field(max_length=200)] = ""
    lines: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=4)] = Field(default_factory=list)
    city: Annotated[str, Field(max_length=100)] = ""
    postal_code: Annotated[str, Field(max_length=20)] = ""
    region: Annotated[str, Field(max_length=100)] = ""
    country: Annotated[str, Field(max_length=2, description="ISO 3166-1 alpha-2")] = ""


class Customer(Body):
    """Who buys; a guest has no id."""

    id: Annotated[str, Field(max_length=100)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    address: Address | None = None


class Payment(Body):
    """How it is paid."""

    provider: Annotated[str, Field(min_length=1, max_length=40)]
    token: Annotated[str, Field(min_length=1, max_length=200)]


class PlaceOrderLine(Body):
    """One sku to buy."""

    sku: SkuId
    quantity: Units
    location: LocationId | None = None


class PlaceOrder(Body):
    """An order to place."""

    lines: list[PlaceOrderLine] = Field(min_length=1, max_length=MOST_LINES)
    customer: Customer | None = None
    codes: Codes = Field(default_factory=list)
    currency: Currency
    channel: Channel
    payment: Payment


class CancelOrder(Body):
    """Why an order is cancelled."""

    reason: Reason = ""


class OrderQuery(Query):
    """Which orders to list."""

    status: State | None = None
    customer: Annotated[str, Field(max_length=100)] = ""
    placed_from: Annotated[From | None, Field(alias="from", description="Placed at or after this date or time")] = None
    placed_to: Annotated[To | None, Field(alias="to", description="Placed on or before this date; before a time")] = (
        None
    )
    page_size: PageSize = 0
    page_token: PageToken = ""


class LineDiscountAnswer(TypedDict):
    """What one promotion took off one line."""

    promotion_id: str
    amount_minor: int


class AllocationAnswer(TypedDict):
    """Units of one line that come from one location."""

    location: str
    quantity: int


class OrderLineAnswer(TypedDict):
    """One sku of an order; amounts in minor units of the order's currency."""

    sku: str
    name: str
    quantity: int
    unit_price_minor: int
    subtotal_minor: int
    discount_minor: int
    total_minor: int
    allocations: list[AllocationAnswer]
    discounts: list[LineDiscountAnswer]
    cancelled_quantity: int
    refunded_minor: int


class DiscountAnswer(TypedDict):
    """A promotion that applied."""

    promotion_id: str
    name: str
    code: str
    amount: MoneyAnswer


class AddressAnswer(TypedDict):
    """A postal address."""

    recipient: str
    lines: list[str]
    city: str
    postal_code: str
    region: str
    country: str


class CustomerAnswer(TypedDict):
    """Who bought."""

    id: str
    email: str
    address: AddressAnswer | None


class NextActionAnswer(TypedDict):
    """What somebody must do before the payment can go on, and until when; `url` is null when there is no page for it."""

    type: str
    description: str
    url: str | None
    expires_at: datetime | None


class PaymentAnswer(TypedDict):
    """What is known of the payment; `next_action` is null unless it waits for somebody."""

    provider: str
    reference: str
    status: str
    decline_code: str
    refunded_minor: int
    next_action: NextActionAnswer | None


class OrderAnswer(TypedDict):
    """An order as stored."""

    order_id: str
    state: str
    lines: list[OrderLineAnswer]
    discounts: list[DiscountAnswer]
    subtotal: MoneyAnswer
    discount_total: MoneyAnswer
    total: MoneyAnswer
    customer: CustomerAnswer
    channel: str
    payment: PaymentAnswer
    cause: str
    codes: list[str]
    skipped_promotions: list[str]
    etag: str
    created_at: datetime | None
    updated_at: datetime | None


class TransitionAnswer(TypedDict):
    """One change of state."""

    from_state: str
    to_state: str
    cause: str
    created_at: datetime | None


class OrderWithHistoryAnswer(OrderAnswer):
    """An order and every change of its state, oldest first."""

    history: list[TransitionAnswer]


class OrderListAnswer(TypedDict):
    """One page of orders, newest first."""

    orders: list[OrderAnswer]
    next_page_token: str
