"""Order events, converted for the purchase history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC

from chassis.db import Tx
from chassis.events.event import Event
from chassis.events.event_types import EventTypes
from gen.order.v1 import events_pb2
from gen.order.v1.order_pb2 import Order
from promo_svc.app.purchases import Purchases
from promo_svc.domain.purchase import OrderFact, OrderLine

TYPES = ("order.order.confirmed", "order.order.cancelled")
NEVER_CONFIRMED = frozenset({Order.STATE_NEW, Order.STATE_PRICED, Order.STATE_RESERVED})
"""An order that was cancelled in one of these states was never a purchase."""


class OrderEvents:
    """The handler of consumer `purchases`."""

    def __init__(self, types: EventTypes, purchases: Purchases) -> None:
        self._types = types
        self._purchases = purchases

    async def __call__(self, tx: Tx, events: Sequence[Event]) -> None:
        """Raises on an invalid event, which is then parked together with later events of its order."""
        facts = [fact(self._types.message(event)) for event in events]
        await self._purchases.take_in(tx, [each for each in facts if each is not None])


def fact(message: events_pb2.OrderChanged) -> OrderFact | None:
    """The purchases of the event, None when there are none. ValueError when the order is invalid."""
    order = message.order
    cancelled = order.state == Order.STATE_CANCELLED
    if cancelled and message.previous_state in NEVER_CONFIRMED:
        return None
    if not order.order_id or not order.lines or not (cancelled or order.state == Order.STATE_CONFIRMED):
        raise ValueError(f"the order is neither confirmed nor cancelled: {order.order_id} {order.state}")
    return OrderFact(
        order_id=order.order_id,
        version=int(order.etag),
        customer_id=order.customer.id,
        currency=order.total.currency,
        placed_at=order.create_time.ToDatetime(UTC),
        confirmed=not cancelled,
        cancelled_at=order.update_time.ToDatetime(UTC) if cancelled else None,
        lines=tuple(_bought(order)),
    )


def _bought(order: Order) -> Iterator[OrderLine]:
    """All lines of a cancelled order; of any other order the units that were not cancelled."""
    for line in order.lines:
        if order.state == Order.STATE_CANCELLED:
            yield OrderLine(line.sku, line.quantity, line.total_minor)
        elif line.quantity > line.cancelled_quantity:
            left = line.quantity - line.cancelled_quantity
            yield OrderLine(line.sku, left, line.total_minor - line.refunded_minor)
