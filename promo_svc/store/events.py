"""Builds the protobuf messages of events and of stored objects."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from chassis import timestamps
from gen.common.v1.money_pb2 import Money as MoneyMessage
from gen.promo.v1 import back_in_stock_pb2, events_pb2, promotion_pb2
from promo_svc.domain.money import Money
from promo_svc.domain.notice import Notice
from promo_svc.domain.promotion import Percent, StoredPromotion
from promo_svc.domain.stock import Crossing

PROMOTION_CHANGED = "promo.promotion.changed"
PROMOTION_SUSPENDED = "promo.promotion.suspended"
PROMOTION_RESUMED = "promo.promotion.resumed"


def promotion_changed(stored: StoredPromotion) -> dict[str, Any]:
    """The payload of promo.promotion.changed."""
    message = events_pb2.PromotionChanged(promotion=promotion_message(stored))
    return MessageToDict(message, preserving_proto_field_name=True)


def promotion_stock_changed(crossing: Crossing, stored: StoredPromotion) -> dict[str, Any]:
    """The payload of promo.promotion.suspended and .resumed."""
    message = events_pb2.PromotionStockChanged(
        promotion=promotion_message(stored), sku=crossing.sku, available=crossing.available
    )
    return MessageToDict(message, preserving_proto_field_name=True)


def promotion_message(stored: StoredPromotion) -> promotion_pb2.Promotion:
    """The message of a promotion."""
    promotion, discount = stored.promotion, stored.promotion.discount
    message = promotion_pb2.Promotion(
        promotion_id=promotion.promotion_id,
        name=promotion.name,
        state=promotion_pb2.Promotion.State.Value(f"STATE_{promotion.state.value}"),
        code=promotion.code,
        usage_limit=promotion.usage_limit,
        customer_limit=promotion.customer_limit,
        skus=promotion.skus,
        categories=promotion.categories,
        minimum_amount=money_message(promotion.minimum_amount) if promotion.minimum_amount else None,
        start_time=timestamps.message(promotion.start_time),
        end_time=timestamps.message(promotion.end_time),
        channels=promotion.channels,
        priority=promotion.priority,
        exclusive=promotion.exclusive,
        etag=str(stored.version),
        create_time=timestamps.message(stored.create_time),
        update_time=timestamps.message(stored.update_time),
        used=stored.used,
        first_order_only=promotion.first_order_only,
        minimum_purchases=promotion.minimum_purchases,
        stock_skus=promotion.stock_skus,
        minimum_available=promotion.minimum_available,
        suspended=stored.suspended,
    )
    if isinstance(discount, Percent):
        message.percent_bps = discount.bps
    else:
        message.fixed_amount.CopyFrom(money_message(discount.money))
    return message


def notice_message(notice: Notice) -> back_in_stock_pb2.BackInStockNotice:
    """The message of an open request."""
    return back_in_stock_pb2.BackInStockNotice(
        customer_id=notice.wish.customer_id,
        sku=notice.wish.sku,
        channel=notice.wish.channel,
        email=notice.wish.email,
        request_time=timestamps.message(notice.requested_at),
    )


def money_message(money: Money) -> MoneyMessage:
    """The message of an amount."""
    return MoneyMessage(currency=money.currency, amount_minor=money.amount_minor)
