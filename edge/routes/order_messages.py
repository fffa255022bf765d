"""Converts orders and customers between messages and REST."""

from __future__ import annotations

from edge.routes import messages
from edge.schemas import orders as schema
from gen.common.v1.address_pb2 import Address
from gen.order.v1.order_pb2 import Customer, NextAction, Order, OrderDiscount, OrderLine, OrderTransition, Payment

STATES = messages.names(Order.State.items(), "STATE_")
ACTION_TYPES = messages.names(NextAction.Type.items(), "TYPE_")
PAYMENT_STATUSES = messages.names(Payment.Status.items(), "STATUS_")


def customer_message(customer: schema.Customer | None) -> Customer | None:
    """The message for a customer; None without one."""
    if customer is None:
        return None
    message = Customer(id=customer.id, email=customer.email)
    if customer.address is not None:
        given = customer.address
        message.address.CopyFrom(
            Address(
                recipient=given.recipient,
                lines=given.lines,
                city=given.city,
                postal_code=given.postal_code,
                region=given.region,
                country=given.country,
            )
        )
    return message


def to_rest(order: Order) -> schema.OrderAnswer:
    """An order as REST shows it, without history."""
    return {
        "order_id": order.order_id,
        "state": STATES[order.state],
        "lines": [_line(line) for line in order.lines],
        "discounts": [_discount(discount) for discount in order.discounts],
        "subtotal": messages.money(order.subtotal),
        "discount_total": messages.money(order.discount_total),
        "total": messages.money(order.total),
        "customer": _customer(order.customer),
        "channel": order.channel,
        "payment": _payment(order.payment),
        "cause": order.cause,
        "codes": list(order.codes),
        "skipped_promotions": list(order.skipped_promotions),
        "etag": order.etag,
        "created_at": messages.instant(order.create_time),
        "updated_at": messages.instant(order.update_time),
    }


def with_history(order: Order) -> schema.OrderWithHistoryAnswer:
    """An order with every change of its state."""
    return {**to_rest(order), "history": [_transition(entry) for entry in order.history]}


def _line(line: OrderLine) -> schema.OrderLineAnswer:
    return {
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price_minor,
        "subtotal_minor": line.subtotal_minor,
        "discount_minor": line.discount_minor,
        "total_minor": line.total_minor,
        "allocations": [{"location": part.location, "quantity": part.quantity} for part in line.allocations],
        "discounts": [
            {"promotion_id": part.promotion_id, "amount_minor": part.amount_minor} for part in line.discounts
        ],
        "cancelled_quantity": line.cancelled_quantity,
        "refunded_minor": line.refunded_minor,
    }


def _discount(discount: OrderDiscount) -> schema.DiscountAnswer:
    return {
        "promotion_id": discount.promotion_id,
        "name": discount.name,
        "code": discount.code,
        "amount": messages.money(discount.amount),
    }


def _customer(customer: Customer) -> schema.CustomerAnswer:
    address: schema.AddressAnswer | None = None
    if customer.HasField("address"):
        known = customer.address
        address = {
            "recipient": known.recipient,
            "lines": list(known.lines),
            "city": known.city,
            "postal_code": known.postal_code,
            "region": known.region,
            "country": known.country,
        }
    return {"id": customer.id, "email": customer.email, "address": address}


def _payment(payment: Payment) -> schema.PaymentAnswer:
    return {
        "provider": payment.provider,
        "reference": payment.reference,
        "status": PAYMENT_STATUSES[payment.status],
        "decline_code": payment.decline_code,
        "refunded_minor": payment.refunded_minor,
        "next_action": _next_action(payment.next_action) if payment.HasField("next_action") else None,
    }


def _next_action(action: NextAction) -> schema.NextActionAnswer:
    return {
        "type": ACTION_TYPES[action.type],
        "description": action.description,
        "url": action.url or None,
        "expires_at": messages.instant(action.expire_time),
    }


def _transition(transition: OrderTransition) -> schema.TransitionAnswer:
    return {
        "from_state": STATES[transition.from_state],
        "to_state": STATES[transition.to_state],
        "cause": transition.cause,
        "created_at": messages.instant(transition.create_time),
    }
