"""Converts customer messages to domain objects, and purchases to messages."""

from __future__ import annotations

from chassis import ids, timestamps
from gen.common.v1.money_pb2 import Money
from gen.promo.v1 import customer_service_pb2 as pb
from gen.promo.v1 import purchase_pb2
from promo_svc.domain.notice import Wish
from promo_svc.domain.purchase import Purchase


def new_wish(message: pb.RequestBackInStockNoticeRequest) -> Wish:
    """The customer's wish to be notified."""
    return Wish(
        customer_id=ids.outside(message.customer_id), sku=message.sku, channel=message.channel, email=message.email
    )


def purchase_message(purchase: Purchase) -> purchase_pb2.Purchase:
    """The message of a purchase."""
    return purchase_pb2.Purchase(
        order_id=purchase.order_id,
        sku=purchase.sku,
        quantity=purchase.quantity,
        total=Money(currency=purchase.currency, amount_minor=purchase.total_minor),
        purchase_time=timestamps.message(purchase.purchased_at),
        cancel_time=timestamps.message(purchase.cancelled_at),
    )
