"""Events of other services for tests, as their relays would publish them."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from chassis.events.broker import Batch
from chassis.events.event import Event
from gen.common.v1.money_pb2 import Money
from gen.inventory.v1.events_pb2 import StockLevelChanged
from gen.inventory.v1.stock_pb2 import StockLevel
from gen.order.v1 import order_pb2
from gen.order.v1.events_pb2 import OrderChanged
from tests.promo_svc.builders import NOW

_positions = itertools.count(1)
State = order_pb2.Order.State
SERUM = ("SERUM-30", 2, 1_800)
LIPSTICK = ("LIP-RED", 1, 1_500)


def batch(*events: Event) -> Batch:
    """A batch of one partition, as a broker would deliver it."""
    return Batch(events[0].source, events[0].partition, list(events))


def order(order_id: str, version: int, state: str = "CONFIRMED", **fields: Any) -> Event:
    """One version of an order; a customer c1 with two serums unless the fields say otherwise."""
    message = order_changed(order_id, version, state, **fields)
    return _event("order", f"order.order.{state.lower()}", order_id, message.SerializeToString())


def order_changed(order_id: str, version: int, state: str = "CONFIRMED", **fields: Any) -> OrderChanged:
    """The message of such an event."""
    lines: tuple[tuple[str, int, int], ...] = fields.get("lines", (SERUM,))
    placed_at: datetime = fields.get("placed_at", NOW)
    previous = fields.get("previous", "CANCELLING" if state == "CANCELLED" else "PRICED")
    message = OrderChanged(
        order=order_pb2.Order(
            order_id=order_id,
            state=State.Value(f"STATE_{state}"),
            lines=[order_pb2.OrderLine(sku=sku, quantity=units, total_minor=total) for sku, units, total in lines],
            total=Money(currency="EUR", amount_minor=sum(total for _, _, total in lines)),
            customer=order_pb2.Customer(id=fields.get("customer_id", "c1")),
            etag=str(version),
        ),
        previous_state=State.Value(f"STATE_{previous}"),
    )
    for line in message.order.lines:
        line.cancelled_quantity, line.refunded_minor = fields.get("given_back", {}).get(line.sku, (0, 0))
    message.order.create_time.FromDatetime(placed_at)
    message.order.update_time.FromDatetime(placed_at + timedelta(minutes=version))
    return message


def level(sku: str, available: int, version: int, location: str = "berlin", type_: str = "changed") -> Event:
    """One version of a level."""
    message = StockLevelChanged(
        level=StockLevel(sku=sku, location=location, on_hand=available, available=available, version=version),
        cause="ADJUST",
    )
    return _event("inventory", f"inventory.stock_level.{type_}", sku, message.SerializeToString())


def broken(source: str, type_: str, key: str) -> Event:
    """An event whose data is not a valid message."""
    return _event(source, type_, key, b"\xff\xff\xff")


def _event(source: str, type_: str, key: str, data: bytes) -> Event:
    position = next(_positions)
    return Event(f"{source}-test-{position}", source, type_, key, position, "2026-11-20T12:00:00.000000Z", data)
