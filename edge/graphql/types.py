"""The types of GraphQL: the same data as REST, with GraphQL's naming conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NewType

import strawberry

Whole = NewType("Whole", int)
SCALARS: dict[object, Any] = {
    Whole: strawberry.scalar(
        name="Whole",
        description="A whole number of up to 64 bits; GraphQL's Int has only 32",
        serialize=int,
        parse_value=int,
    )
}


@strawberry.type(description="An amount in minor units, such as cents for EUR")
class Money:
    currency: str
    amount_minor: Whole


@strawberry.type(description="Stock of one sku in one location")
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


@strawberry.type(description="Stock of one sku: the sums over all locations, then the level of each location")
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


@strawberry.type(description="An order of one customer in one channel; times are RFC 3339")
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


@strawberry.type(description="One page of orders, newest first; nextPageToken is empty on the last page")
class OrderPage:
    orders: list[Order]
    next_page_token: str


@strawberry.type(description="A promotion; its discount is percentBps (basis points) or fixedAmount")
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


@strawberry.type(description="A stock level after a change; `token` resumes after this change")
class StockChange:
    level: StockLevel
    cause: str
    position: Whole
    token: str


@strawberry.type(description="An order after a change; `token` resumes after this change")
class OrderChange:
    order: Order
    previous_state: str
    position: Whole
    token: str


@strawberry.type(description="A promotion after a change; `token` resumes after this change")
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
    """A level from a REST response or an event."""
    return StockLevel(**{name: found[name] for name in LEVEL})


def stock(found: Mapping[str, Any]) -> Stock:
    """A stock from a REST response."""
    levels = [level({**one, "sku": found["sku"]}) for one in found["locations"]]
    return Stock(**{name: found[name] for name in SUMS}, levels=levels)


def order(found: Mapping[str, Any]) -> Order:
    """An order from a message as JSON (`state` with or without its prefix)."""
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
    """A promotion from a message as JSON."""
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
    """An amount from a message as JSON; None without one."""
    return None if found is None else Money(currency=found["currency"], amount_minor=found["amount_minor"])
