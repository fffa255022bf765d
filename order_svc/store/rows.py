"""Mapping between Order and its row: the columns in their sequence, and both directions."""

from __future__ import annotations

from typing import Any

import orjson

from order_svc.domain.order import (
    Address,
    Allocation,
    Customer,
    Discount,
    Line,
    LineDiscount,
    Order,
    Payment,
    PaymentStatus,
    Refusal,
    State,
)

COLUMNS = (
    "order_id, request_id, fingerprint, state, version, lines::text, discounts::text, skipped::text, codes::text, "
    "currency, subtotal_minor, discount_minor, total_minor, customer_id, email, address::text, channel, "
    "payment_provider, payment_token, payment_key, payment_reference, payment_status, decline_code, payment_deadline, "
    "cause, refusal::text, cancel_cause, resume_state, attempts, last_error, lease_owner, due_at, confirmed_at, "
    "created_at, updated_at, refunded_minor"
)
"""JSON is read as text: orjson reads it faster than psycopg's default, and no default is changed."""


def as_json(value: object) -> str:
    """JSON of dataclasses, tuples and plain values."""
    return orjson.dumps(value).decode()


def order_of(row: tuple[Any, ...]) -> Order:
    """Reads a row selected by COLUMNS."""
    return Order(
        order_id=row[0],
        request_id=row[1],
        fingerprint=row[2],
        state=State(row[3]),
        version=row[4],
        lines=tuple(_line(line) for line in orjson.loads(row[5])),
        discounts=tuple(Discount(**discount) for discount in orjson.loads(row[6])),
        skipped=tuple(orjson.loads(row[7])),
        codes=tuple(orjson.loads(row[8])),
        currency=row[9],
        subtotal_minor=row[10],
        discount_minor=row[11],
        total_minor=row[12],
        customer=Customer(row[13], row[14], _address(row[15])),
        channel=row[16],
        payment=Payment(row[17], row[18], row[19], row[20], PaymentStatus(row[21]), row[22], row[23], row[35]),
        cause=row[24],
        refusal=None if row[25] is None else Refusal(**orjson.loads(row[25])),
        cancel_cause=row[26],
        resume_state=None if row[27] is None else State(row[27]),
        attempts=row[28],
        last_error=row[29],
        lease_owner=row[30],
        due_at=row[31],
        confirmed_at=row[32],
        created_at=row[33],
        updated_at=row[34],
    )


def _line(stored: dict[str, Any]) -> Line:
    allocations = tuple(Allocation(**allocation) for allocation in stored.pop("allocations"))
    discounts = tuple(LineDiscount(**discount) for discount in stored.pop("discounts"))
    return Line(allocations=allocations, discounts=discounts, **stored)


def _address(stored: str | None) -> Address | None:
    if stored is None:
        return None
    address = orjson.loads(stored)
    return Address(lines=tuple(address.pop("lines")), **address)
