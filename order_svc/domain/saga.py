"""The saga's states as a table, and the bookkeeping of one run: what changed since the order was last stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from order_svc.domain.order import Line, Order, PaymentStatus, Refusal, State, Step, Transition

ALLOWED: Mapping[State | None, frozenset[State]] = {
    None: frozenset({State.NEW}),
    State.NEW: frozenset({State.PRICED}),
    State.PRICED: frozenset({State.RESERVED, State.CANCELLING, State.CANCELLED, State.NEEDS_REVIEW}),
    State.RESERVED: frozenset({State.AUTHORIZING}),
    State.AUTHORIZING: frozenset({State.AUTHORIZED, State.CANCELLING}),
    State.AUTHORIZED: frozenset({State.CONFIRMED, State.CANCELLING, State.NEEDS_REVIEW}),
    State.CONFIRMED: frozenset({State.CANCELLING}),
    # Back to CONFIRMED: the goods had left before the cancellation came.
    State.CANCELLING: frozenset({State.CANCELLED, State.CONFIRMED, State.NEEDS_REVIEW}),
    State.NEEDS_REVIEW: frozenset({State.PRICED, State.AUTHORIZED, State.CANCELLING}),
    State.CANCELLED: frozenset(),
}
"""Which state may follow which. None stands before the first."""

ENDED = frozenset({State.CONFIRMED, State.CANCELLED})
"""Nothing is left to do, unless somebody cancels a confirmed order."""
CANCELLABLE = frozenset({State.PRICED, State.AUTHORIZING, State.AUTHORIZED, State.CONFIRMED, State.NEEDS_REVIEW})
"""Stored states from which an order can still be undone. The others are never stored or are being undone."""
UNSETTLED = frozenset({PaymentStatus.PENDING, PaymentStatus.ACTION_REQUIRED})
HELD = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED})

RETRIES_MOST = 84
"""With the longest pause of 15 s between them about 20 minutes; then a person must look."""
PAUSE_FIRST_S = 0.5
PAUSE_MOST_S = 15.0


def allows(before: State | None, after: State) -> bool:
    """Whether the table has this change."""
    return after in ALLOWED[before]


def pause_s(attempts: int, jitter: float) -> float:
    """Seconds until the next try after `attempts` failed ones; `jitter` in [0, 1) spreads it by a quarter."""
    return float(min(PAUSE_MOST_S, PAUSE_FIRST_S * 2 ** min(attempts - 1, 10)) * (0.875 + jitter / 4))


def money_open(order: Order) -> bool:
    """Whether money of an unconfirmed order is held or may be: then nobody may stop asking and giving it back."""
    if order.state in (State.PRICED, State.AUTHORIZING, State.CANCELLING, State.CANCELLED):
        return order.payment.status in UNSETTLED | HELD
    return False


def gives_up(order: Order) -> bool:
    """Whether retries end and a person must look; never while money is held or its state is unknown."""
    if order.attempts < RETRIES_MOST or money_open(order):
        return False
    return allows(order.state, State.NEEDS_REVIEW)


def needs_token(order: Order) -> bool:
    """Whether the provider may still be asked to hold the amount; afterwards nobody needs the payment token any more."""
    return order.state not in (State.CONFIRMED, State.CANCELLED) and order.payment.status in (
        PaymentStatus.NONE,
        PaymentStatus.PENDING,
    )


def waits_for_customer(order: Order) -> bool:
    """Whether only the customer's bank can bring it on."""
    return order.state is State.AUTHORIZING and order.payment.status is PaymentStatus.ACTION_REQUIRED


@dataclass
class Progress:
    """One run of one order's saga. `order` is as it will be stored, `stored` the state that is."""

    order: Order
    stored: State | None
    fresh: bool
    """Nobody ran this saga before this run, so no step can have been taken unnoticed."""
    stored_payment: PaymentStatus = PaymentStatus.NONE
    stored_lines: tuple[Line, ...] = ()
    """As they are stored; a step may be taken before its last one is stored when these say what a crash must know."""
    transitions: list[Transition] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    reserve_calls: int = 0
    claims_are_new: bool = False
    """The claims were made in this run with their full time to live."""
    never_asked: bool = False
    """The payment's intent was stored by this run and the provider has not been called yet."""
    waits: bool = False
    """The run ends here: only the customer's bank can bring it on."""

    def change(self, **fields: Any) -> None:
        """Replaces fields of the order."""
        self.order = replace(self.order, **fields)

    def pay(self, **fields: Any) -> None:
        """Replaces fields of the order's payment."""
        self.change(payment=replace(self.order.payment, **fields))

    def move(self, after: State, at: datetime, cause: str = "", /, **fields: Any) -> None:
        """Changes the state, and fields with it; ValueError when the table does not allow it."""
        before = self.order.state if self.transitions or self.stored is not None else None
        if not allows(before, after):
            raise ValueError(f"{self.order.order_id}: no way from {before} to {after}")
        self.transitions.append(Transition(before, after, cause, at))
        self.change(state=after, updated_at=at, attempts=0, last_error="", **fields)

    def note(self, step: str, outcome: str, at: datetime) -> None:
        """Adds to the step log; stored with the next change."""
        self.steps.append(Step(step, outcome, at))

    def intend(self, deadline: datetime) -> None:
        """The provider may be asked once this is stored: whoever resumes the order looks by the payment's key first."""
        payment = self.order.payment
        if not payment.key or payment.status not in (PaymentStatus.NONE, PaymentStatus.PENDING):
            return
        if payment.status is PaymentStatus.NONE:
            self.never_asked = self.fresh
        self.pay(status=PaymentStatus.PENDING, deadline=deadline)

    def take_intent_back(self) -> None:
        """When it is certain that the provider was not asked, nobody has to ask what became of the payment."""
        if self.never_asked:
            self.pay(status=PaymentStatus.NONE, deadline=None)

    @property
    def needs_no_store(self) -> bool:
        """Whether the next step may be taken at once: what is stored leads a resumed run here again, safely."""
        if self.order.state is State.AUTHORIZING:
            intended = not self.order.payment.key or self.stored_payment is not PaymentStatus.NONE
            return self.stored is State.PRICED and intended and not self.waits
        return self.order.state is State.AUTHORIZED and self.stored in (State.PRICED, State.AUTHORIZING)

    def refuse(self, refusal: Refusal, at: datetime) -> None:
        """Decides that the order is undone. Straight to CANCELLED when it is certain that nothing was claimed."""
        self.take_intent_back()
        only_asked_once = self.fresh and self.reserve_calls <= 1 and not self.claims_are_new
        nothing_claimed = self.order.state is State.PRICED and only_asked_once
        after = State.CANCELLED if nothing_claimed else State.CANCELLING
        self.move(after, at, refusal.reason, refusal=refusal, cause=refusal.reason)

    def restart(self, order: Order) -> None:
        """Goes on from what is stored; what this run had not stored is forgotten, but for its log."""
        self.order = order
        self.transitions.clear()
        self._know_stored()
        self.waits = self.never_asked = self.claims_are_new = self.fresh = False

    def was_stored(self, version: int) -> None:
        """The store has it all."""
        self.change(version=version)
        self.transitions.clear()
        self.steps.clear()
        self._know_stored()

    def _know_stored(self) -> None:
        self.stored = self.order.state
        self.stored_payment = self.order.payment.status
        self.stored_lines = self.order.lines


def resumed(order: Order) -> Progress:
    """A run of an order that is stored, whose last steps may or may not have been taken."""
    return Progress(order, order.state, fresh=False, stored_payment=order.payment.status, stored_lines=order.lines)
