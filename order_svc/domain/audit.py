"""The audit's decision: which of an order, its goods, money and promotion uses contradict each other. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from order_svc.domain.order import Order, PaymentStatus, State
from order_svc.domain.saga import HELD

MOVING = timedelta(minutes=1)
"""An order that changed within this time is not judged: its goods, money and events may still be on their way."""


class Kind(StrEnum):
    """The kinds of contradictions; order.v1.AuditFinding.Kind says how each is repaired."""

    RESERVATION_MISSING = "RESERVATION_MISSING"
    RESERVATION_NOT_COMMITTED = "RESERVATION_NOT_COMMITTED"
    GOODS_GIVEN_BACK = "GOODS_GIVEN_BACK"
    RESERVATION_WITHOUT_ORDER = "RESERVATION_WITHOUT_ORDER"
    RESERVATION_LEFT = "RESERVATION_LEFT"
    MONEY_LEFT = "MONEY_LEFT"
    MONEY_MISSING = "MONEY_MISSING"
    REDEMPTION_MISSING = "REDEMPTION_MISSING"
    REDEMPTION_LEFT = "REDEMPTION_LEFT"


class FindingState(StrEnum):
    """How far a finding is. SUSPECT: seen by one look only, hence not reported yet."""

    SUSPECT = "SUSPECT"
    OPEN = "OPEN"
    REPAIRED = "REPAIRED"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class Goods:
    """An order's reservation as inventory has it; the state has inventory's name, the numbers are units of all lines."""

    order_id: str
    state: str
    quantity: int
    cancelled: int
    fulfilled: int

    @property
    def promised(self) -> int:
        """Units that are committed and have not left."""
        return self.quantity - self.cancelled - self.fulfilled if self.state == "COMMITTED" else 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The others' view of one order; None means unknown to them. Money is None when the order has nothing to pay."""

    goods: Goods | None
    uses: str | None
    money: PaymentStatus | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction, as it is stored."""

    order_id: str
    kind: Kind
    state: FindingState
    detail: str
    first_seen_at: datetime
    reported_at: datetime | None
    ended_at: datetime | None
    repair_outcome: str

    @property
    def finding_id(self) -> str:
        """Identifies it: an order has at most one finding of each kind."""
        return f"{self.order_id}/{self.kind.lower()}"


def moves(order: Order, now: datetime) -> bool:
    """Whether the order may still be changing, so that it is not judged."""
    ended = order.state in (State.CONFIRMED, State.CANCELLED) and order.due_at is None and order.cancel_cause is None
    return not ended or order.updated_at > now - MOVING


def judge(order: Order, evidence: Evidence) -> Mapping[Kind, str]:
    """The contradictions of an order, each described with its numbers. The order must not move."""
    if order.state is State.CONFIRMED:
        return _confirmed(order, evidence)
    return _cancelled(evidence)


def without_order(goods: Goods) -> Mapping[Kind, str]:
    """The contradiction of a reservation whose order does not exist."""
    if not goods.promised:
        return {}
    return {Kind.RESERVATION_WITHOUT_ORDER: f"{goods.promised} units are promised to an order that does not exist"}


def _confirmed(order: Order, evidence: Evidence) -> Mapping[Kind, str]:
    found: dict[Kind, str] = {}
    units, goods = sum(line.quantity for line in order.lines), evidence.goods
    given_back = sum(line.cancelled_quantity for line in order.lines)
    if goods is None:
        found[Kind.RESERVATION_MISSING] = f"{units} units are sold, but inventory has no reservation"
    elif goods.state != "COMMITTED":
        found[Kind.RESERVATION_NOT_COMMITTED] = f"{units} units are sold, but the reservation is {goods.state}"
    elif goods.cancelled > given_back:
        found[Kind.GOODS_GIVEN_BACK] = (
            f"{goods.cancelled} of {goods.quantity} units went back to stock, but the order records {given_back}"
        )
    if order.payment.key and evidence.money not in HELD:
        found[Kind.MONEY_MISSING] = (
            f"the provider reports {evidence.money or 'nothing'} for a payment that the order relies on"
        )
    if order.discounts and evidence.uses != "COMMITTED":
        found[Kind.REDEMPTION_MISSING] = f"promotions apply, but their redemption is {evidence.uses or 'unknown'}"
    return found


def _cancelled(evidence: Evidence) -> Mapping[Kind, str]:
    found: dict[Kind, str] = {}
    if evidence.goods is not None and evidence.goods.promised:
        found[Kind.RESERVATION_LEFT] = f"{evidence.goods.promised} units are promised to a cancelled order"
    if evidence.money in HELD:
        found[Kind.MONEY_LEFT] = f"the payment of a cancelled order is {evidence.money}"
    if evidence.uses == "COMMITTED":
        found[Kind.REDEMPTION_LEFT] = "the promotion uses of a cancelled order are still committed"
    return found
