"""Orders: lines, money, payment and history. Immutable; a change creates a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """States of an order; domain/saga.py says which may follow which."""

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
    """The known status of a payment."""

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
    """A delivery address, as the channel gave it."""

    recipient: str
    lines: tuple[str, ...]
    city: str
    postal_code: str
    region: str
    country: str


@dataclass(frozen=True, slots=True)
class Customer:
    """The buyer; an empty id means a guest."""

    id: str
    email: str
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class RequestedLine:
    """One line as requested; an empty location leaves the choice to inventory."""

    sku: str
    quantity: int
    location: str = ""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order to place. `fingerprint` covers the whole request body."""

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
    """The discount of one promotion on one line, in minor units."""

    promotion_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Line:
    """One sku of an order, priced. `location` is the requested origin, `allocations` the actual one."""

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
    """Amount given back for those units."""


@dataclass(frozen=True, slots=True)
class Discount:
    """A promotion that applied to the order."""

    promotion_id: str
    name: str
    code: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Payment:
    """How the order is paid. `key` is the idempotency key at the provider; empty when there is nothing to pay."""

    provider: str
    token: str
    key: str
    reference: str
    status: PaymentStatus
    decline_code: str
    deadline: datetime | None
    """The order gives up an unconfirmed payment at this time."""
    refunded_minor: int = 0
    """Amount given back: no longer held, or refunded."""


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment as its provider knows it."""

    key: str
    order_id: str
    reference: str
    status: PaymentStatus
    decline_code: str = ""
    refunded_minor: int = 0
    """Amount of it given back: no longer held, or refunded."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The refusal that the caller of an order gets, now and at every repeat. `code` names a gRPC status code."""

    code: str
    reason: str
    message: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Order:
    """One purchase of one customer in one channel, and how far its saga is."""

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
    """Set when the order is to be undone; the next run of the saga undoes it."""
    resume_state: State | None = None
    """The state in which a saga that NEEDS_REVIEW resumes."""
    attempts: int = 0
    last_error: str = ""
    lease_owner: str | None = None
    due_at: datetime | None = None
    """While leased, when the lease ends; else when the next try is due. None: nothing is left to do."""
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
    """One step that the saga took or tried, and its outcome."""

    name: str
    outcome: str
    at: datetime
