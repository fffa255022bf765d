"""The only mapping between messages and domain objects. The server has already checked the bounds of requests."""

from __future__ import annotations

from chassis import errors, ids, requests, timestamps
from gen.common.v1.address_pb2 import Address as AddressMessage
from gen.common.v1.money_pb2 import Money
from gen.order.v1 import order_pb2, order_service_pb2, saga_service_pb2
from order_svc.api.next_action import next_action
from order_svc.app.payment_events import PaymentEvent
from order_svc.domain.order import Address, Customer, Line, Order, OrderRequest, RequestedLine, State, Step, Transition
from order_svc.store.history import Filter


def order_id(request_id: str) -> str:
    """The order's id, derived from the request_id so that a repeat finds the same order; always 36 characters."""
    return f"ord_{ids.fingerprint('order', request_id)}"


def order_request(message: order_service_pb2.PlaceOrderRequest) -> OrderRequest:
    """A PlaceOrder request as a domain object. FIELD_INVALID when a sku has two lines."""
    identity = requests.identify(message)
    lines = tuple(RequestedLine(line.sku, line.quantity, line.location) for line in message.lines)
    seen: set[str] = set()
    for index, line in enumerate(lines):
        if line.sku in seen:
            raise errors.invalid(f"lines[{index}].sku", "FIELD_INVALID", f"{line.sku} already has a line")
        seen.add(line.sku)
    return OrderRequest(
        request_id=identity.id,
        order_id=order_id(identity.id),
        fingerprint=identity.fingerprint,
        lines=lines,
        customer=_customer(message.customer),
        codes=tuple(code.strip() for code in message.codes if code.strip()),  # promo leaves blank ones out too
        currency=message.currency,
        channel=message.channel,
        provider=message.payment.provider,
        token=message.payment.token,
    )


def _customer(message: order_pb2.Customer) -> Customer:
    address = _address(message.address) if message.HasField("address") else None
    return Customer(id=ids.outside(message.id), email=message.email, address=address)


def _address(message: AddressMessage) -> Address:
    return Address(
        recipient=message.recipient,
        lines=tuple(message.lines),
        city=message.city,
        postal_code=message.postal_code,
        region=message.region,
        country=message.country,
    )


def list_filter(message: order_service_pb2.ListOrdersRequest) -> Filter:
    """The filter of ListOrders."""
    if message.state not in order_pb2.Order.State.values():
        raise errors.invalid("state", "FIELD_INVALID", "is not an order state")
    name = order_pb2.Order.State.Name(message.state).removeprefix("STATE_")
    first = timestamps.instant("create_time_from", message.create_time_from)
    last = timestamps.instant("create_time_to", message.create_time_to)
    return Filter(
        state=State(name) if message.state else None,
        customer_id=ids.outside(message.customer_id),
        since=first if message.HasField("create_time_from") else None,
        until=last if message.HasField("create_time_to") else None,
    )


def payment_event(message: order_service_pb2.RecordPaymentEventRequest) -> PaymentEvent:
    """A provider's event. An unknown outcome becomes UNSPECIFIED: it is recorded and has no effect."""
    kind = order_service_pb2.RecordPaymentEventRequest.Outcome
    known = message.outcome in kind.values()
    return PaymentEvent(
        event_id=message.event_id,
        provider=message.provider,
        reference=message.payment_reference,
        outcome=kind.Name(message.outcome).removeprefix("OUTCOME_") if known else "UNSPECIFIED",
        decline_code=message.decline_code,
    )


def order_message(order: Order, history: list[Transition] | None = None) -> order_pb2.Order:
    """An order as callers see it."""
    message = order_pb2.Order(
        order_id=order.order_id,
        state=_state(order.state),
        lines=[_line(line) for line in order.lines],
        subtotal=Money(currency=order.currency, amount_minor=order.subtotal_minor),
        discount_total=Money(currency=order.currency, amount_minor=order.discount_minor),
        total=Money(currency=order.currency, amount_minor=order.total_minor),
        customer=_customer_message(order.customer),
        channel=order.channel,
        payment=order_pb2.Payment(
            provider=order.payment.provider,
            reference=order.payment.reference,
            status=order_pb2.Payment.Status.Value(f"STATUS_{order.payment.status}"),
            decline_code=order.payment.decline_code,
            refunded_minor=order.payment.refunded_minor,
            next_action=next_action(order),
        ),
        cause=order.cause,
        create_time=timestamps.message(order.created_at),
        update_time=timestamps.message(order.updated_at),
        etag=str(order.version),
        codes=order.codes,
        skipped_promotions=order.skipped,
    )
    for discount in order.discounts:
        message.discounts.add(
            promotion_id=discount.promotion_id,
            name=discount.name,
            code=discount.code,
            amount=Money(currency=order.currency, amount_minor=discount.amount_minor),
        )
    for change in history or ():
        message.history.add(
            from_state=_state(change.before),
            to_state=_state(change.after),
            cause=change.cause,
            create_time=timestamps.message(change.at),
        )
    return message


def _state(state: State | None) -> order_pb2.Order.State.ValueType:
    return order_pb2.Order.State.Value(f"STATE_{state or 'UNSPECIFIED'}")


def _line(line: Line) -> order_pb2.OrderLine:
    message = order_pb2.OrderLine(
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        subtotal_minor=line.subtotal_minor,
        discount_minor=line.discount_minor,
        total_minor=line.total_minor,
        cancelled_quantity=line.cancelled_quantity,
        refunded_minor=line.refunded_minor,
    )
    for part in line.allocations:
        message.allocations.add(location=part.location, quantity=part.quantity)
    for discount in line.discounts:
        message.discounts.add(promotion_id=discount.promotion_id, amount_minor=discount.amount_minor)
    return message


def _customer_message(customer: Customer) -> order_pb2.Customer:
    message = order_pb2.Customer(id=customer.id, email=customer.email)
    if customer.address is not None:
        address = customer.address
        message.address.CopyFrom(
            AddressMessage(
                recipient=address.recipient,
                lines=address.lines,
                city=address.city,
                postal_code=address.postal_code,
                region=address.region,
                country=address.country,
            )
        )
    return message


def saga_message(order: Order, steps: list[Step] | None = None) -> saga_service_pb2.Saga:
    """A saga as people see it."""
    message = saga_service_pb2.Saga(
        order_id=order.order_id,
        state=_state(order.state),
        attempts=order.attempts,
        last_error=order.last_error,
        create_time=timestamps.message(order.created_at),
    )
    if order.due_at is not None:
        message.next_attempt_time.FromDatetime(order.due_at)
    for step in steps or ():
        message.steps.add(step=step.name, outcome=step.outcome, create_time=timestamps.message(step.at))
    return message
