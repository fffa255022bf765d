"""What a customer wants to buy, as promotions see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class CartLine:
    """Units of one sku at one price; `category` is a path such as skincare/serum."""

    sku: str
    quantity: int
    unit_price_minor: int
    category: str = ""

    @property
    def subtotal_minor(self) -> int:
        """Before discounts."""
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True)
class Cart:
    """Lines in one currency; `codes` are upper case, each once; no customer_id means a guest."""

    lines: tuple[CartLine, ...]
    currency: str
    customer_id: str = ""
    codes: tuple[str, ...] = ()
    channel: str = ""

    @cached_property
    def subtotals(self) -> tuple[int, ...]:
        """What each line costs before discounts."""
        return tuple(line.subtotal_minor for line in self.lines)


def normal_codes(presented: list[str]) -> tuple[str, ...]:
    """Codes as they are compared: upper case, without spaces around, each once, in the order presented; no blank ones."""
    return tuple(dict.fromkeys(code.strip().upper() for code in presented if code.strip()))
