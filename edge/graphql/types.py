"""What GraphQL shows: the same things as REST under GraphQL's habits for names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NewType

import strawberry

Whole = NewType("Whole", int)
SCALARS: dict[object, Any] = {
    Whole: strawberry.scalar(
        name="Whole",
        description="A whole number of up to 64 bits; GraphQL's Int has 32",
        serialize=int,
        parse_value=int,
    )
}


@strawberry.type(description="An amount in minor units")
class Money:
    currency: str
    amount_minor: Whole


@strawberry.type(description="How much of one sku lies in one location")
class StockLevel:
    sku: str
    location: str
    on_hand: Whole
    reserved: Whole
    committed: Whole
    unavailable: Whole
    available: Whole
    backorder_limit: Whole
    version: Whole


@strawberry.type(description="One sku: the sums, then every location")
class Stock:
    sku: str
    on_hand: Whole
    reserved: Whole
    committed: Whole
    unavailable: Whole
    available: Whole
    levels: list[StockLevel]


@strawberry.type(description="One sku of an order; amounts in minor units of the order's currency")
class OrderLine:
    sku: str
    name: str
    quantity: Whole
    unit_price_minor: Whole
    discount_minor: Whole
    total_minor: Whole
    cancelled_quantity: Whole
    refunded_minor: Whole


@strawberry.type(description="What one customer bought in one channel at one time; times are RFC 3339")
class Order:
    order_id: str
    state: str
    channel: str
    customer_id: str
    payment_status: str
    refunded_minor: Whole
    cause: str
    subtotal: Money
    discount_total: Money
    total: Money
    lines: list[OrderLine]
    created_at: str
    updated_at: str


@strawberry.type(description="One page of orders, newest first; the token is empty on the last page")
class OrderPage:
    orders: list[Order]
    next_page_token: str


@strawberry.type(description="A promotion; percentBps or fixedAmount says what it gives")
class Promotion:
    promotion_id: str
    name: str
    state: str
    code: str
    percent_bps: int | None
    fixed_amount: Money | None
    skus: list[str]
    categories: list[str]
    channels: list[str]
    minimum_amount: Money | None
    starts_at: str | None
    ends_at: str | None
    used: Whole


@strawberry.type(description="A level after a change; `token` resumes behind it")
class StockChange:
    level: StockLevel
    cause: str
    position: Whole
    token: str


@strawberry.type(description="An order after a change; `token` resumes behind it")
class OrderChange:
    order: Order
    previous_state: str
    position: Whole
    token: str


@strawberry.type(description="A promotion after a change; `token` resumes behind it")
class PromotionChange:
    promotion: Promotion
    position: Whole
    token: str


LEVEL = (
    "sku",
    "location",
    "on_hand",
    "reserved",
    "committed",
    "unavailable",
    "available",
    "backorder_limit",
    "version",
)
SUMS = ("sku", "on_hand", "reserved", "committed", "unavailable", "available")
LINE = (
    "sku",
    "name",
    "quantity",
    "unit_price_minor",
    "discount_minor",
    "total_minor",
    "cancelled_quantity",
    "refunded_minor",
)


def level(found: Mapping[str, Any]) -> StockLevel:
    """Of an answer of REST's, or of an event."""
    return StockLevel(**{name: found[name] for name in LEVEL})


def stock(found: Mapping[str, Any]) -> Stock:
    """Of an answer of REST's."""
    levels = [level({**one, "sku": found["sku"]}) for one in found["locations"]]
    return Stock(**{name: found[name] for name in SUMS}, levels=levels)


def order(found: Mapping[str, Any]) -> Order:
    """Of a message as JSON (`state` with or without its prefix)."""
    return Order(
        order_id=found["order_id"],
        state=found["state"].removeprefix("STATE_"),
        channel=found["channel"],
        customer_id=(found["customer"] or {}).get("id", ""),
        payment_status=(found["payment"] or {}).get("status", "STATUS_NONE").removeprefix("STATUS_"),
        refunded_minor=(found["payment"] or {}).get("refunded_minor", 0),
        cause=found["cause"],
        subtotal=money(found["subtotal"]) or Money(currency="", amount_minor=Whole(0)),
        discount_total=money(found["discount_total"]) or Money(currency="", amount_minor=Whole(0)),
        total=money(found["total"]) or Money(currency="", amount_minor=Whole(0)),
        lines=[OrderLine(**{name: line[name] for name in LINE}) for line in found["lines"]],
        created_at=found["create_time"] or "",
        updated_at=found["update_time"] or "",
    )


def promotion(found: Mapping[str, Any]) -> Promotion:
    """Of a message as JSON."""
    return Promotion(
        promotion_id=found["promotion_id"],
        name=found["name"],
        state=found["state"].removeprefix("STATE_"),
        code=found["code"],
        percent_bps=found["percent_bps"],
        fixed_amount=money(found["fixed_amount"]),
        skus=found["skus"],
        categories=found["categories"],
        channels=found["channels"],
        minimum_amount=money(found["minimum_amount"]),
        starts_at=found["start_time"],
        ends_at=found["end_time"],
        used=found["used"],
    )


def money(found: Mapping[str, Any] | None) -> Money | None:
    """None where there is none."""
    return None if found is None else Money(currency=found["currency"], amount_minor=found["amount_minor"])
