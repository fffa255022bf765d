"""What an order is: its lines, money, payment and history. Immutable; a change makes a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where an order is in its life; domain/saga.py says which follows which."""

    NEW = "NEW"
    PRICED = "PRICED"
    RESERVED = "RESERVED"
    AUTHORIZING = "AUTHORIZING"
    AUTHORIZED = "AUTHORIZED"
    CONFIRMED = "CONFIRMED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    NEEDS_REVIEW = "NEEDS_REVIEW"


class PaymentStatus(StrEnum):
    """What is known of a payment."""

    NONE = "NONE"
    PENDING = "PENDING"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    AUTHORIZED = "AUTHORIZED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"
    CAPTURED = "CAPTURED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True, slots=True)
class Address:
    """Where goods go, as the channel gave it."""

    recipient: str
    lines: tuple[str, ...]
    city: str
    postal_code: str
    region: str
    country: str


@dataclass(frozen=True, slots=True)
class Customer:
    """Who buys; an empty id is a guest."""

    id: str
    email: str
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class RequestedLine:
    """One line as it was asked for; an empty location leaves the choice to inventory."""

    sku: str
    quantity: int
    location: str = ""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a caller wants placed. `fingerprint` is that of the whole body."""

    request_id: str
    order_id: str
    fingerprint: str
    lines: tuple[RequestedLine, ...]
    customer: Customer
    codes: tuple[str, ...]
    currency: str
    channel: str
    provider: str
    token: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units of one line that come from one location."""

    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class LineDiscount:
    """What one promotion took off one line, in minor units."""

    promotion_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Line:
    """One sku of an order, priced. `location` is where it was asked to come from, `allocations` where it does."""

    sku: str
    name: str
    quantity: int
    location: str
    unit_price_minor: int
    subtotal_minor: int
    discount_minor: int
    total_minor: int
    allocations: tuple[Allocation, ...]
    discounts: tuple[LineDiscount, ...]
    cancelled_quantity: int = 0
    """Units that went back to stock after the order was confirmed."""
    refunded_minor: int = 0
    """What was given back for those."""


@dataclass(frozen=True, slots=True)
class Discount:
    """A promotion that applied to the order."""

    promotion_id: str
    name: str
    code: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Payment:
    """How the order is paid. `key` is the idempotency key at the provider; empty when nothing is to be paid."""

    provider: str
    token: str
    key: str
    reference: str
    status: PaymentStatus
    decline_code: str
    deadline: datetime | None
    """When an unconfirmed payment is given up."""
    refunded_minor: int = 0
    """What was given back: no longer held, or refunded."""


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment as its provider knows it."""

    key: str
    order_id: str
    reference: str
    status: PaymentStatus
    decline_code: str = ""
    refunded_minor: int = 0
    """What was given back of it: no longer held, or refunded."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order was refused, as its caller is told, now and at every repeat. `code` names a gRPC status code."""

    code: str
    reason: str
    message: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Order:
    """What one customer bought in one channel at one time, and how far its saga is."""

    order_id: str
    request_id: str
    fingerprint: str
    state: State
    version: int
    lines: tuple[Line, ...]
    discounts: tuple[Discount, ...]
    skipped: tuple[str, ...]
    codes: tuple[str, ...]
    currency: str
    subtotal_minor: int
    discount_minor: int
    total_minor: int
    customer: Customer
    channel: str
    payment: Payment
    created_at: datetime
    updated_at: datetime
    cause: str = ""
    refusal: Refusal | None = None
    cancel_cause: str | None = None
    """Somebody wants it undone; whoever runs the saga next does so."""
    resume_state: State | None = None
    """Where a saga that NEEDS_REVIEW goes on."""
    attempts: int = 0
    last_error: str = ""
    lease_owner: str | None = None
    due_at: datetime | None = None
    """While leased, when the lease ends; else when the next try is due. None: nobody has to do anything."""
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state; None before the first."""

    before: State | None
    after: State
    cause: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the saga that was taken or tried, and what came of it."""

    name: str
    outcome: str
    at: datetime
