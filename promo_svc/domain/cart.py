"""The cart, as promotions see it."""

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
    """Lines in one currency; `codes` are upper case and unique; an empty customer_id means a guest."""

    lines: tuple[CartLine, ...]
    currency: str
    customer_id: str = ""
    codes: tuple[str, ...] = ()
    channel: str = ""

    @cached_property
    def subtotals(self) -> tuple[int, ...]:
        """The price of each line before discounts."""
        return tuple(line.subtotal_minor for line in self.lines)


def normal_codes(presented: list[str]) -> tuple[str, ...]:
    """Codes as they are compared: trimmed, upper case, without blanks and duplicates, in the order presented."""
    return tuple(dict.fromkeys(code.strip().upper() for code in presented if code.strip()))
