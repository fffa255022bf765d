"""Where cart messages become carts, checked field by field, and quotes become messages."""

from __future__ import annotations

import itertools

from chassis import errors, money, timestamps, validation
from gen.common.v1.money_pb2 import Money as MoneyMessage
from gen.promo.v1 import quote_pb2
from promo_svc.domain.cart import Cart, CartLine, normal_codes
from promo_svc.domain.money import Money
from promo_svc.domain.quote import Applied, Fact, Quote, QuotedLine, Skipped

MOST_LINES = 100
MOST_CODES = 10
MOST_QUANTITY = 1_000_000
CODE_CHARACTERS = 40
SKU_CHARACTERS = 64
CATEGORY_CHARACTERS = 100
CHANNEL_CHARACTERS = 40
CUSTOMER_ID_CHARACTERS = 100


def customer_id(path: str, value: str) -> str:
    """The channel's own id; empty for a guest."""
    return validation.outside_id(path, value, CUSTOMER_ID_CHARACTERS)


def cart(message: quote_pb2.Cart) -> Cart:
    """A cart whose every amount fits into int64, also summed."""
    validation.count("cart.lines", len(message.lines), 1, MOST_LINES)
    validation.count("cart.codes", len(message.codes), 0, MOST_CODES)
    for index, code in enumerate(message.codes):
        path = f"cart.codes[{index}]"
        validation.ascii_text(path, validation.present(path, code), CODE_CHARACTERS)
    return Cart(
        lines=_lines(message),
        currency=validation.currency("cart.currency", message.currency),
        customer_id=customer_id("cart.customer_id", message.customer_id),
        codes=normal_codes(list(message.codes)),
        channel=validation.at_most("cart.channel", message.channel, CHANNEL_CHARACTERS),
    )


def _lines(message: quote_pb2.Cart) -> tuple[CartLine, ...]:
    """Together they may cost what an order may, before discounts."""
    lines = tuple(_line(f"cart.lines[{index}]", line) for index, line in enumerate(message.lines))
    for index, total in enumerate(itertools.accumulate(line.subtotal_minor for line in lines)):
        if total > money.MOST_MINOR:
            words = f"times quantity, with the lines before it, must be at most {money.MOST_MINOR}, not {total}"
            raise errors.invalid(f"cart.lines[{index}].unit_price_minor", "FIELD_INVALID", words)
    return lines


def _line(path: str, message: quote_pb2.CartLine) -> CartLine:
    return CartLine(
        sku=validation.at_most(f"{path}.sku", validation.present(f"{path}.sku", message.sku), SKU_CHARACTERS),
        quantity=validation.whole(f"{path}.quantity", message.quantity, 1, MOST_QUANTITY),
        unit_price_minor=validation.whole(f"{path}.unit_price_minor", message.unit_price_minor, 0, money.MOST_MINOR),
        category=validation.at_most(f"{path}.category", message.category, CATEGORY_CHARACTERS),
    )


def quote_message(quote: Quote) -> quote_pb2.Quote:
    """A quote as others see it."""

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
