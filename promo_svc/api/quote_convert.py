"""Converts cart messages, whose bounds the server has checked, to carts, and quotes to messages."""

from __future__ import annotations

import itertools

from chassis import errors, ids, money, timestamps
from gen.common.v1.money_pb2 import Money as MoneyMessage
from gen.promo.v1 import quote_pb2
from promo_svc.domain.cart import Cart, CartLine, normal_codes
from promo_svc.domain.money import Money
from promo_svc.domain.quote import Applied, Fact, Quote, QuotedLine, Skipped


def cart(message: quote_pb2.Cart) -> Cart:
    """A cart whose amounts, and their sum, fit into int64."""
    return Cart(
        lines=_lines(message),
        currency=message.currency,
        customer_id=ids.outside(message.customer_id),
        codes=normal_codes(list(message.codes)),
        channel=message.channel,
    )


def _lines(message: quote_pb2.Cart) -> tuple[CartLine, ...]:
    """The lines; their sum before discounts may not exceed the maximum of an order."""
    lines = tuple(
        CartLine(sku=line.sku, quantity=line.quantity, unit_price_minor=line.unit_price_minor, category=line.category)
        for line in message.lines
    )
    for index, total in enumerate(itertools.accumulate(line.subtotal_minor for line in lines)):
        if total > money.MOST_MINOR:
            words = f"times quantity, with the lines before it, must be at most {money.MOST_MINOR}, not {total}"
            raise errors.invalid(f"cart.lines[{index}].unit_price_minor", "FIELD_INVALID", words)
    return lines


def quote_message(quote: Quote) -> quote_pb2.Quote:
    """The message of a quote."""

    def amount(minor: int) -> MoneyMessage:
        return MoneyMessage(currency=quote.currency, amount_minor=minor)

    return quote_pb2.Quote(
        subtotal=amount(quote.subtotal_minor),
        discount_total=amount(quote.discount_minor),
        total=amount(quote.total_minor),
        lines=[_quoted_line(line) for line in quote.lines],
        applied=[_applied(applied, quote.currency) for applied in quote.applied],
        skipped=[_skipped(skipped) for skipped in quote.skipped],
        quote_time=timestamps.message(quote.quote_time),
    )


def _quoted_line(quoted: QuotedLine) -> quote_pb2.QuotedLine:
    return quote_pb2.QuotedLine(
        sku=quoted.line.sku,
        quantity=quoted.line.quantity,
        unit_price_minor=quoted.line.unit_price_minor,
        subtotal_minor=quoted.line.subtotal_minor,
        discounts=[
            quote_pb2.LineDiscount(promotion_id=part.promotion_id, amount_minor=part.amount_minor)
            for part in quoted.discounts
        ],
        total_minor=quoted.total_minor,
    )


def _applied(applied: Applied, currency: str) -> quote_pb2.AppliedPromotion:
    return quote_pb2.AppliedPromotion(
        promotion_id=applied.promotion_id,
        name=applied.name,
        code=applied.code,
        amount=MoneyMessage(currency=currency, amount_minor=applied.amount_minor),
    )


def _skipped(skipped: Skipped) -> quote_pb2.SkippedPromotion:
    return quote_pb2.SkippedPromotion(
        promotion_id=skipped.promotion_id,
        code=skipped.code,
        reason=quote_pb2.SkippedPromotion.Reason.Value(f"REASON_{skipped.reason.value}"),
        node=skipped.node,
        have=_readable(skipped.have),
        want=_readable(skipped.want),
        other_promotion_id=skipped.other_promotion_id,
    )


def _readable(fact: Fact) -> str:
    return money.readable(fact.currency, fact.amount_minor) if isinstance(fact, Money) else fact
