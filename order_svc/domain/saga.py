"""The saga's states as a table, and the changes of one run since the order was last stored."""

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
    # Back to CONFIRMED: goods had left before the cancellation.
    State.CANCELLING: frozenset({State.CANCELLED, State.CONFIRMED, State.NEEDS_REVIEW}),
    State.NEEDS_REVIEW: frozenset({State.PRICED, State.AUTHORIZED, State.CANCELLING}),
    State.CANCELLED: frozenset(),
}
"""The states that may follow each state. None comes before the first."""

ENDED = frozenset({State.CONFIRMED, State.CANCELLED})
"""States with nothing left to do, unless a confirmed order is cancelled."""
CANCELLABLE = frozenset({State.PRICED, State.AUTHORIZING, State.AUTHORIZED, State.CONFIRMED, State.NEEDS_REVIEW})
"""Stored states from which an order can still be undone. The others are never stored, or the undoing has begun."""
UNSETTLED = frozenset({PaymentStatus.PENDING, PaymentStatus.ACTION_REQUIRED})
HELD = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED})

RETRIES_MOST = 84
"""About 20 minutes with the longest pause of 15 s between them; then a person must look."""
PAUSE_FIRST_S = 0.5
PAUSE_MOST_S = 15.0


def allows(before: State | None, after: State) -> bool:
    """Whether the table has this change."""
    return after in ALLOWED[before]


def pause_s(attempts: int, jitter: float) -> float:
    """Seconds until the next try after `attempts` failed ones; `jitter` in [0, 1) spreads it by a quarter."""
    return float(min(PAUSE_MOST_S, PAUSE_FIRST_S * 2 ** min(attempts - 1, 10)) * (0.875 + jitter / 4))


def money_open(order: Order) -> bool:
    """Whether money of an unconfirmed order is or may be held: then the saga must keep asking and give it back."""
    if order.state in (State.PRICED, State.AUTHORIZING, State.CANCELLING, State.CANCELLED):
        return order.payment.status in UNSETTLED | HELD
    return False


def gives_up(order: Order) -> bool:
    """Whether retries end and a person must look; never while money is held or its state is unknown."""
    if order.attempts < RETRIES_MOST or money_open(order):
        return False
    return allows(order.state, State.NEEDS_REVIEW)


def needs_token(order: Order) -> bool:
    """Whether the provider may still be asked to hold the amount; afterwards the payment token is not needed any more."""
    return order.state not in (State.CONFIRMED, State.CANCELLED) and order.payment.status in (
        PaymentStatus.NONE,
        PaymentStatus.PENDING,
    )


def waits_for_customer(order: Order) -> bool:
    """Whether only the customer's bank can let the order continue."""
    return order.state is State.AUTHORIZING and order.payment.status is PaymentStatus.ACTION_REQUIRED


@dataclass
class Progress:
    """One run of one order's saga. `order` is as it will be stored next, `stored` is the state that is stored now."""

    order: Order
    stored: State | None
    fresh: bool
    """This is the saga's first run, so no earlier run can have taken a step unnoticed."""
    stored_payment: PaymentStatus = PaymentStatus.NONE
    stored_lines: tuple[Line, ...] = ()
    """As they are stored. A step may run before the one before it is stored if these suffice to recover from a crash."""
    transitions: list[Transition] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    reserve_calls: int = 0
    claims_are_new: bool = False
    """The claims were made in this run with their full time to live."""
    never_asked: bool = False
    """The payment's intent was stored by this run and the provider has not been called yet."""
    waits: bool = False
    """The run ends here: only the customer's bank can let the order continue."""

    def change(self, **fields: Any) -> None:
        """Replaces fields of the order."""
        self.order = replace(self.order, **fields)

    def pay(self, **fields: Any) -> None:
        """Replaces fields of the order's payment."""
        self.change(payment=replace(self.order.payment, **fields))

    def move(self, after: State, at: datetime, cause: str = "", /, **fields: Any) -> None:
        """Changes the state, and fields with it. Raises ValueError when the table does not allow it."""
        before = self.order.state if self.transitions or self.stored is not None else None
        if not allows(before, after):
            raise ValueError(f"{self.order.order_id}: no transition from {before} to {after}")
        self.transitions.append(Transition(before, after, cause, at))
        self.change(state=after, updated_at=at, attempts=0, last_error="", **fields)

    def note(self, step: str, outcome: str, at: datetime) -> None:
        """Adds to the step log; stored with the next change."""
        self.steps.append(Step(step, outcome, at))

    def intend(self, deadline: datetime) -> None:
        """The provider may be called once this is stored: a resumed run looks the payment up by its key first."""
        payment = self.order.payment
        if not payment.key or payment.status not in (PaymentStatus.NONE, PaymentStatus.PENDING):
            return
        if payment.status is PaymentStatus.NONE:
            self.never_asked = self.fresh
        self.pay(status=PaymentStatus.PENDING, deadline=deadline)

    def take_intent_back(self) -> None:
        """Takes PENDING back when the provider was certainly not called, so that no run has to look the payment up."""
        if self.never_asked:
            self.pay(status=PaymentStatus.NONE, deadline=None)

    @property
    def needs_no_store(self) -> bool:
        """Whether the next step may run before this one is stored: a run resumed from the stored state gets here again."""
        if self.order.state is State.AUTHORIZING:
            intended = not self.order.payment.key or self.stored_payment is not PaymentStatus.NONE
            return self.stored is State.PRICED and intended and not self.waits
        return self.order.state is State.AUTHORIZED and self.stored in (State.PRICED, State.AUTHORIZING)

    def refuse(self, refusal: Refusal, at: datetime) -> None:
        """Starts undoing the order; goes straight to CANCELLED when certainly nothing was claimed."""
        self.take_intent_back()
        only_asked_once = self.fresh and self.reserve_calls <= 1 and not self.claims_are_new
        nothing_claimed = self.order.state is State.PRICED and only_asked_once
        after = State.CANCELLED if nothing_claimed else State.CANCELLING
        self.move(after, at, refusal.reason, refusal=refusal, cause=refusal.reason)

    def restart(self, order: Order) -> None:
        """Continues from the stored order; drops the unstored changes of this run, but not its step log."""
        self.order = order
        self.transitions.clear()
        self._know_stored()
        self.waits = self.never_asked = self.claims_are_new = self.fresh = False

    def was_stored(self, version: int) -> None:
        """Marks all changes as stored."""
        self.change(version=version)
        self.transitions.clear()
        self.steps.clear()
        self._know_stored()

    def _know_stored(self) -> None:
        self.stored = self.order.state
        self.stored_payment = self.order.payment.status
        self.stored_lines = self.order.lines


def resumed(order: Order) -> Progress:
    """A run of a stored order, whose last steps may or may not have been taken."""
    return Progress(order, order.state, fresh=False, stored_payment=order.payment.status, stored_lines=order.lines)
