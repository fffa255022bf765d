"""Where customer messages are checked field by field, and what is known of customers becomes messages."""

from __future__ import annotations

import re

from chassis import timestamps, validation
from gen.common.v1.money_pb2 import Money
from gen.promo.v1 import customer_service_pb2 as pb
from gen.promo.v1 import purchase_pb2
from promo_svc.api import quote_convert
from promo_svc.domain.notice import Wish
from promo_svc.domain.purchase import Purchase

EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
EMAIL_CHARACTERS = 254


def customer_id(value: str) -> str:
    """As carts name customers, but never empty: a guest has nothing to ask for."""
    return quote_convert.customer_id("customer_id", validation.present("customer_id", value))


def new_wish(message: pb.RequestBackInStockNoticeRequest) -> Wish:
    """What somebody waits for."""
    email = validation.at_most("email", message.email, EMAIL_CHARACTERS)
    if email:
        validation.pattern("email", email, EMAIL, "must be an e-mail address")
    return Wish(
        customer_id=customer_id(message.customer_id),
        sku=sku(message.sku),
        channel=validation.at_most("channel", message.channel, quote_convert.CHANNEL_CHARACTERS),
        email=email,
    )


def sku(value: str) -> str:
    """As carts name skus."""
    return validation.at_most("sku", validation.present("sku", value), quote_convert.SKU_CHARACTERS)


def purchase_message(purchase: Purchase) -> purchase_pb2.Purchase:
    """A purchase as others see it."""
    return purchase_pb2.Purchase(
        order_id=purchase.order_id,
        sku=purchase.sku,
        quantity=purchase.quantity,
        total=Money(currency=purchase.currency, amount_minor=purchase.total_minor),
        purchase_time=timestamps.message(purchase.purchased_at),
        cancel_time=timestamps.message(purchase.cancelled_at),
    )
