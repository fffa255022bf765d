"""The quote: a pure function of promotions, cart, known facts and time. The same input always gives the same quote."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from promo_svc.domain import conditions, stacking
from promo_svc.domain.cart import Cart
from promo_svc.domain.known import Known
from promo_svc.domain.promotion import Promotion
from promo_svc.domain.quote import Applied, LineDiscount, Quote, QuotedLine, Reason, Skipped
from promo_svc.domain.stacking import Combination, Step


def quote(promotions: Iterable[Promotion], cart: Cart, known: Known, now: datetime) -> Quote:
    """Prices the cart. Promotions with a code count only when the cart presents it; their order does not matter."""
    candidates = [promotion for promotion in promotions if not promotion.code or promotion.code in cart.codes]
    refused: list[Skipped] = unknown_codes(candidates, cart)
    fitting: list[Promotion] = []
    for promotion in stacking.in_order(candidates):
        reason = conditions.why_not(promotion, cart, known, now)
        if reason is None:
            fitting.append(promotion)
        else:
            refused.append(reason)
    chosen = stacking.best(fitting, cart)
    return _priced(cart, chosen, (*refused, *chosen.skipped), now)


def unknown_codes(candidates: Iterable[Promotion], cart: Cart) -> list[Skipped]:
    """Presented codes that belong to no promotion."""
    known = {promotion.code for promotion in candidates}
    return [
        Skipped("", code, Reason.CODE_UNKNOWN, "code", code, "the code of a promotion")
        for code in cart.codes
        if code not in known
    ]


def _priced(cart: Cart, chosen: Combination, skipped: tuple[Skipped, ...], now: datetime) -> Quote:
    subtotal = sum(cart.subtotals)
    return Quote(
        currency=cart.currency,
        subtotal_minor=subtotal,
        discount_minor=chosen.amount,
        total_minor=subtotal - chosen.amount,
        lines=tuple(_line(cart, position, chosen.steps) for position in range(len(cart.lines))),
        applied=tuple(
            Applied(step.promotion.promotion_id, step.promotion.name, step.promotion.code, step.amount)
            for step in chosen.steps
        ),
        skipped=skipped,
        quote_time=now,
    )


def _line(cart: Cart, position: int, steps: tuple[Step, ...]) -> QuotedLine:
    discounts = tuple(
        LineDiscount(step.promotion.promotion_id, step.shares[position]) for step in steps if step.shares[position]
    )
    taken = sum(discount.amount_minor for discount in discounts)
    return QuotedLine(cart.lines[position], discounts, cart.subtotals[position] - taken)
