"""The action that an order's payment waits for, as callers see it."""

from __future__ import annotations

from chassis import timestamps
from gen.order.v1 import order_pb2
from order_svc.domain.order import Order
from order_svc.domain.saga import waits_for_customer

CONFIRM = (
    "The customer has to confirm the payment with their bank (3-D Secure). The order continues by itself when the provider "
    "reports the outcome, and is cancelled when no report arrives in time."
)
SANDBOX = "sandbox"
CONFIRM_IN_SANDBOX = (
    " The sandbox has no bank: send its signed webhook to POST /v1/webhooks/sandbox, or run "
    "`make pay ORDER={order_id}` beside `make run` (with RESULT=declined it is declined)."
)


def next_action(order: Order) -> order_pb2.NextAction | None:
    """Returns None unless the order waits for its payment and the payment waits for the customer."""
    if not waits_for_customer(order):
        return None
    hint = CONFIRM_IN_SANDBOX.format(order_id=order.order_id) if order.payment.provider == SANDBOX else ""
    deadline = order.payment.deadline
    return order_pb2.NextAction(
        type=order_pb2.NextAction.TYPE_CONFIRM_PAYMENT,
        description=CONFIRM + hint,
        expire_time=None if deadline is None else timestamps.message(deadline),
    )
