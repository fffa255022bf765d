"""REST schemas of orders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from edge.schemas.bounds import field
from edge.schemas.fields import (
    Body,
    Currency,
    Email,
    From,
    LocationId,
    MoneyAnswer,
    PageSize,
    PageToken,
    Query,
    SkuId,
    To,
    Units,
)

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
Code = Annotated[str, field("order.v1.PlaceOrderRequest", "codes", entry=True)]
Codes = Annotated[list[Code], field("order.v1.PlaceOrderRequest", "codes")]
Channel = Annotated[str, field("order.v1.PlaceOrderRequest", "channel", "Sales channel, such as web or pos")]
AddressLine = Annotated[str, field("common.v1.Address", "lines", entry=True)]


class Address(Body):
    """A postal address."""

    recipient: Annotated[str, field("common.v1.Address", "recipient")] = ""
    lines: Annotated[list[AddressLine], field("common.v1.Address", "lines")] = Field(default_factory=list)
    city: Annotated[str, field("common.v1.Address", "city")] = ""
    postal_code: Annotated[str, field("common.v1.Address", "postal_code")] = ""
    region: Annotated[str, field("common.v1.Address", "region")] = ""
    country: Annotated[str, field("common.v1.Address", "country", "ISO 3166-1 alpha-2")] = ""


class Customer(Body):
    """The buyer; a guest has no id."""

    id: Annotated[str, field("order.v1.Customer", "id")] = ""
    email: Email = ""
    address: Address | None = None


class Payment(Body):
    """The payment method."""

    provider: Annotated[str, field("order.v1.PaymentMethod", "provider")]
    token: Annotated[str, field("order.v1.PaymentMethod", "token")]


class PlaceOrderLine(Body):
    """One sku to buy."""

    sku: SkuId
    quantity: Units
    location: LocationId | None = None


class PlaceOrder(Body):
    """An order to place."""

    lines: Annotated[list[PlaceOrderLine], field("order.v1.PlaceOrderRequest", "lines")]
    customer: Customer | None = None
    codes: Codes = Field(default_factory=list)
    currency: Currency
    channel: Channel
    payment: Payment


class CancelOrder(Body):
    """The reason for a cancellation."""

    reason: Annotated[str, field("order.v1.CancelOrderRequest", "reason")] = ""


class OrderQuery(Query):
    """The orders to list."""

    status: State | None = None
    customer: Annotated[str, field("order.v1.ListOrdersRequest", "customer_id")] = ""
    placed_from: Annotated[From | None, Field(alias="from", description="Placed at or after this date or time")] = None
    placed_to: Annotated[
        To | None, Field(alias="to", description="Placed on or before this date, or before this time")
    ] = None
    page_size: PageSize = 0
    page_token: PageToken = ""


class LineDiscountAnswer(TypedDict):
    """The discount of one promotion on one line."""

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
    """The buyer."""

    id: str
    email: str
    address: AddressAnswer | None


class NextActionAnswer(TypedDict):
    """The action that the payment waits for, and its deadline; `url` is null when there is no page for it."""

    type: str
    description: str
    url: str | None
    expires_at: datetime | None


class PaymentAnswer(TypedDict):
    """The payment; `next_action` is null unless the payment waits for an action."""

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
