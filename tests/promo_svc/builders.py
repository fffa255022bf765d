"""Promotions and carts for tests: short to write, with every rule off unless named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from promo_svc.domain.cart import Cart, CartLine
from promo_svc.domain.money import Money
from promo_svc.domain.promotion import FixedAmount, Percent, Promotion, State

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def percent(promotion_id: str, bps: int, **rules: Any) -> Promotion:
    """An active promotion of some percent."""
    return Promotion(promotion_id, promotion_id.title(), Percent(bps), **{"state": State.ACTIVE, **rules})


def fixed(promotion_id: str, amount_minor: int, currency: str = "EUR", **rules: Any) -> Promotion:
    """An active promotion of a fixed amount."""
    discount = FixedAmount(Money(currency, amount_minor))
    return Promotion(promotion_id, promotion_id.title(), discount, **{"state": State.ACTIVE, **rules})


def cart(*lines: tuple[str, int, int] | tuple[str, int, int, str], **more: Any) -> Cart:
    """A cart in euros of (sku, quantity, unit price, category)."""
    return Cart(tuple(CartLine(*line) for line in lines), **{"currency": "EUR", **more})
