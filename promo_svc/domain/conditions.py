"""Whether a promotion may apply to a cart, and if not, why.

Conditions read the cart before any discount. After discounts, one promotion could invalidate another and the
checkout would never settle (Sylius #9940).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from promo_svc.domain.cart import Cart, CartLine
from promo_svc.domain.known import Known
from promo_svc.domain.money import Money
from promo_svc.domain.promotion import FixedAmount, Promotion
from promo_svc.domain.quote import Fact, Reason, Skipped
from promo_svc.domain.usage import FIRST_ORDER, FIRST_ORDERS, Uses

FIRST_ORDER_ONLY = "first_order_only"
NO_EARLIER_ORDER = "no earlier order"


def eligible_lines(promotion: Promotion, cart: Cart) -> tuple[int, ...]:
    """Positions of the lines that the promotion's skus and categories allow."""
    return tuple(position for position, line in enumerate(cart.lines) if _lets_in(promotion, line))


def _lets_in(promotion: Promotion, line: CartLine) -> bool:
    if promotion.skus and line.sku not in promotion.skus:
        return False
    return not promotion.categories or any(lies_below(line.category, root) for root in promotion.categories)


def lies_below(category: str, root: str) -> bool:
    """True for the root itself and every path below it; `skin` is not above `skincare`."""
    return category == root or category.startswith(root + "/")


def why_not(promotion: Promotion, cart: Cart, known: Known, now: datetime) -> Skipped | None:
    """The first rule that fails, None when all hold."""
    return (
        _not_now(promotion, now)
        or _wrong_cart(promotion, cart)
        or _no_eligible_item(promotion, cart)
        or _below_minimum(promotion, cart)
        or not_with_this_history(promotion, cart.customer_id, known.orders)
        or _first_order_under_way(promotion, known.uses)
        or _stock_low(promotion, known.available)
        or _used_up(promotion, cart, known.uses)
    )


def skipped(promotion: Promotion, reason: Reason, node: str = "", have: Fact = "", want: Fact = "") -> Skipped:
    """The explanation for one promotion."""
    return Skipped(promotion.promotion_id, promotion.code, reason, node, have, want)


def _not_now(promotion: Promotion, now: datetime) -> Skipped | None:
    status = promotion.status_at(now)
    if status == "ACTIVE":
        return None
    if status == "NOT_STARTED" and promotion.start_time is not None:
        return skipped(
            promotion, Reason.NOT_STARTED, "start_time", now.isoformat(), f"from {promotion.start_time.isoformat()}"
        )
    if status == "EXPIRED" and promotion.end_time is not None:
        return skipped(
            promotion, Reason.EXPIRED, "end_time", now.isoformat(), f"before {promotion.end_time.isoformat()}"
        )
    return skipped(promotion, Reason.PAUSED, "state", status, "ACTIVE")


def _wrong_cart(promotion: Promotion, cart: Cart) -> Skipped | None:
    if promotion.channels and cart.channel not in promotion.channels:
        return skipped(promotion, Reason.CONDITION_FAILED, "channels", cart.channel, ", ".join(promotion.channels))
    if isinstance(promotion.discount, FixedAmount) and promotion.discount.money.currency != cart.currency:
        wanted = promotion.discount.money.currency
        return skipped(promotion, Reason.CONDITION_FAILED, "fixed_amount.currency", cart.currency, wanted)
    if promotion.minimum_amount is not None and promotion.minimum_amount.currency != cart.currency:
        wanted = promotion.minimum_amount.currency
        return skipped(promotion, Reason.CONDITION_FAILED, "minimum_amount.currency", cart.currency, wanted)
    return None


def _no_eligible_item(promotion: Promotion, cart: Cart) -> Skipped | None:
    if eligible_lines(promotion, cart):
        return None
    if promotion.skus:
        have = ", ".join(dict.fromkeys(line.sku for line in cart.lines))
        return skipped(promotion, Reason.NO_ELIGIBLE_ITEM, "skus", have, ", ".join(promotion.skus))
    have = ", ".join(dict.fromkeys(line.category for line in cart.lines if line.category))
    return skipped(promotion, Reason.NO_ELIGIBLE_ITEM, "categories", have, ", ".join(promotion.categories))


def _below_minimum(promotion: Promotion, cart: Cart) -> Skipped | None:
    if promotion.minimum_amount is None:
        return None
    have = sum(cart.subtotals[position] for position in eligible_lines(promotion, cart))
    if have >= promotion.minimum_amount.amount_minor:
        return None
    return skipped(
        promotion, Reason.CONDITION_FAILED, "minimum_amount", Money(cart.currency, have), promotion.minimum_amount
    )


def not_with_this_history(promotion: Promotion, customer_id: str, orders: int) -> Skipped | None:
    """The rule on earlier orders, if it fails; a guest (empty customer_id) has no history."""
    if not promotion.asks_history:
        return None
    node = FIRST_ORDER_ONLY if promotion.first_order_only else "minimum_purchases"
    want = NO_EARLIER_ORDER if promotion.first_order_only else f"at least {promotion.minimum_purchases}"
    if not customer_id:
        return skipped(promotion, Reason.CONDITION_FAILED, node, "a guest", want)
    if orders > 0 if promotion.first_order_only else orders < promotion.minimum_purchases:
        return skipped(promotion, Reason.CONDITION_FAILED, node, f"{orders} earlier", want)
    return None


def _first_order_under_way(promotion: Promotion, uses: Uses) -> Skipped | None:
    """Refuses while another order of the customer claims the first order and is not in the history yet."""
    if promotion.first_order_only and uses.by_customer.get(FIRST_ORDER, 0) >= FIRST_ORDERS:
        return skipped(promotion, Reason.CONDITION_FAILED, FIRST_ORDER_ONLY, "an order in progress", NO_EARLIER_ORDER)
    return None


def _stock_low(promotion: Promotion, available: Mapping[str, int]) -> Skipped | None:
    for sku in promotion.stock_skus:
        if available.get(sku, 0) < promotion.minimum_available:
            have = f"{sku}: {available[sku]} available" if sku in available else f"{sku}: availability unknown"
            return skipped(promotion, Reason.STOCK_LOW, "stock_skus", have, f"at least {promotion.minimum_available}")
    return None


def _used_up(promotion: Promotion, cart: Cart, uses: Uses) -> Skipped | None:
    limit, used = promotion.usage_limit, uses.total.get(promotion.promotion_id, 0)
    if limit and used >= limit:
        return skipped(promotion, Reason.USAGE_LIMIT, "usage_limit", f"{used} used", f"fewer than {limit}")
    limit, used = promotion.customer_limit, uses.by_customer.get(promotion.promotion_id, 0)
    if limit and not cart.customer_id:
        return skipped(promotion, Reason.CUSTOMER_LIMIT, "customer_limit", "a guest", "a known customer")
    if limit and used >= limit:
        return skipped(promotion, Reason.CUSTOMER_LIMIT, "customer_limit", f"{used} used", f"fewer than {limit}")
    return None
