"""Builds order.v1.OrderChanged as stored in the outbox: the proto's JSON mapping, with the proto's field names.

Built as dictionaries, since json_format costs more than the rest of a commit; a test checks that both are equal.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from order_svc.domain.order import Address, Line, Order, State
from order_svc.store.rows import as_json


def type_of(order: Order, previous: State | None) -> str:
    """The event's CloudEvents type: order.order.placed, order.order.confirmed and so on."""
    placed = previous is None and order.state is State.PRICED
    return "order.order.placed" if placed else f"order.order.{order.state.lower()}"


def order_changed(order: Order, version: int, previous: State | None) -> str:
    """The event's payload; `version` is the order's version with this change."""
    before = f"STATE_{previous}" if previous else "STATE_UNSPECIFIED"
    return as_json({"order": _order(order, version), "previous_state": before})


def _order(order: Order, version: int) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "state": f"STATE_{order.state}",
        "lines": [_line(line) for line in order.lines],
        "discounts": [
            {
                "promotion_id": discount.promotion_id,
                "name": discount.name,
                "code": discount.code,
                "amount": _money(order.currency, discount.amount_minor),
            }
            for discount in order.discounts
        ],
        "subtotal": _money(order.currency, order.subtotal_minor),
        "discount_total": _money(order.currency, order.discount_minor),
        "total": _money(order.currency, order.total_minor),
        "customer": _customer(order),
        "channel": order.channel,
        "payment": {
            "provider": order.payment.provider,
            "reference": order.payment.reference,
            "status": f"STATUS_{order.payment.status}",
            "decline_code": order.payment.decline_code,
            "refunded_minor": str(order.payment.refunded_minor),
        },
        "cause": order.cause,
        "create_time": _time(order.created_at),
        "update_time": _time(order.updated_at),
        "etag": str(version),
        "codes": order.codes,
        "skipped_promotions": order.skipped,
    }


def _line(line: Line) -> dict[str, Any]:
    # int64 is a string in the proto's JSON mapping.
    return {
        "sku": line.sku,
        "name": line.name,
        "quantity": str(line.quantity),
        "unit_price_minor": str(line.unit_price_minor),
        "subtotal_minor": str(line.subtotal_minor),
        "discount_minor": str(line.discount_minor),
        "total_minor": str(line.total_minor),
        "allocations": [{"location": part.location, "quantity": str(part.quantity)} for part in line.allocations],
        "discounts": [
            {"promotion_id": each.promotion_id, "amount_minor": str(each.amount_minor)} for each in line.discounts
        ],
        "cancelled_quantity": str(line.cancelled_quantity),
        "refunded_minor": str(line.refunded_minor),
    }


def _customer(order: Order) -> dict[str, Any]:
    customer: dict[str, Any] = {"id": order.customer.id, "email": order.customer.email}
    if order.customer.address is not None:
        customer["address"] = _address(order.customer.address)
    return customer


def _address(address: Address) -> dict[str, Any]:
    return {
        "recipient": address.recipient,
        "lines": address.lines,
        "city": address.city,
        "postal_code": address.postal_code,
        "region": address.region,
        "country": address.country,
    }


def _money(currency: str, amount_minor: int) -> dict[str, str]:
    return {"currency": currency, "amount_minor": str(amount_minor)}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
