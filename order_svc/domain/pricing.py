"""Turns a request, the catalogue's prices and a quote into a priced order; refuses orders that cannot be sold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from order_svc.domain.errors import AmountTooLarge, CurrencyMismatch, Refused, SkuNotFound, refused
from order_svc.domain.order import Discount, Line, LineDiscount, Order, OrderRequest, Payment, PaymentStatus, State

MOST_MINOR = 10**15
"""Largest amount of a line or an order, in minor units: far above any basket and far below int64."""
BETTER_FOR_CUSTOMER = "LOWER_VALUE_THAN"
"""The only reason for which a code of the request may stay unused: another promotion gives more."""


@dataclass(frozen=True, slots=True)
class SkuPrice:
    """Name, category and price of one sku in the catalogue."""

    sku: str
    name: str
    category: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A promotion or code that did not apply, with the reason."""

    promotion_id: str
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Discounts for each line, in the sequence of the order's lines, and the promotions that applied or were skipped."""

    line_discounts: tuple[tuple[LineDiscount, ...], ...]
    applied: tuple[Discount, ...]
    skipped: tuple[Skipped, ...]


def check_prices(request: OrderRequest, prices: Mapping[str, SkuPrice]) -> None:
    """Raises SkuNotFound, CurrencyMismatch, AmountTooLarge."""
    total = 0
    for index, line in enumerate(request.lines):
        price = prices.get(line.sku)
        if price is None:
            raise SkuNotFound(index, line.sku)
        if price.currency != request.currency:
            raise CurrencyMismatch(line.sku, price.currency)
        total += price.amount_minor * line.quantity
        if total > MOST_MINOR:
            raise AmountTooLarge(f"lines[{index}].quantity", MOST_MINOR)


def priced(request: OrderRequest, prices: Mapping[str, SkuPrice], quote: Quote, now: datetime) -> Order:
    """The order at the quote's price. Raises ValueError when the quote's numbers cannot be right."""
    lines = tuple(
        _line(request, index, prices[line.sku], quote.line_discounts[index]) for index, line in enumerate(request.lines)
    )
    discount = sum(line.discount_minor for line in lines)
    if discount != sum(applied.amount_minor for applied in quote.applied):
        raise ValueError(f"the quote's discounts do not add up to {discount}")
    subtotal = sum(line.subtotal_minor for line in lines)
    free = subtotal == discount
    return Order(
        order_id=request.order_id,
        request_id=request.request_id,
        fingerprint=request.fingerprint,
        state=State.NEW,
        version=1,
        lines=lines,
        discounts=quote.applied,
        skipped=tuple(f"{skipped.code or skipped.promotion_id}: {skipped.why}" for skipped in quote.skipped),
        codes=request.codes,
        currency=request.currency,
        subtotal_minor=subtotal,
        discount_minor=discount,
        total_minor=subtotal - discount,
        customer=request.customer,
        channel=request.channel,
        payment=Payment(
            request.provider,
            request.token,
            "" if free else payment_key(request.order_id),
            "",
            PaymentStatus.NONE,
            "",
            None,
        ),
        created_at=now,
        updated_at=now,
    )


def payment_key(order_id: str) -> str:
    """The idempotency key of an order's one payment at its provider."""
    return f"{order_id}:pay"


def _line(request: OrderRequest, index: int, price: SkuPrice, discounts: tuple[LineDiscount, ...]) -> Line:
    asked = request.lines[index]
    subtotal = price.amount_minor * asked.quantity
    discount = sum(each.amount_minor for each in discounts)
    if not 0 <= discount <= subtotal:
        raise ValueError(f"lines[{index}]: a discount of {discount} on {subtotal}")
    return Line(
        sku=asked.sku,
        name=price.name,
        quantity=asked.quantity,
        location=asked.location,
        unit_price_minor=price.amount_minor,
        subtotal_minor=subtotal,
        discount_minor=discount,
        total_minor=subtotal - discount,
        allocations=(),
        discounts=discounts,
    )


def unusable_code(request: OrderRequest, quote: Quote) -> Refused | None:
    """The refusal for the first code that does not apply, so that no customer pays more than the code promised."""
    applied = {discount.code.upper() for discount in quote.applied}
    skipped = {skip.code.upper(): skip.why for skip in quote.skipped if skip.code}
    for code in request.codes:
        if code.upper() in applied or skipped.get(code.upper()) == BETTER_FOR_CUSTOMER:
            continue
        why = skipped.get(code.upper(), "CODE_UNKNOWN")
        message = f"the code {code} does not apply: {why}"
        return refused("FAILED_PRECONDITION", "CODE_NOT_APPLICABLE", message, code=code, why=why)
    return None
