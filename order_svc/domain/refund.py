"""The amount owed for units of a confirmed order that never left: by line, exact to the minor unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from order_svc.domain.order import Line, Order


def owed(line: Line, units: int) -> int:
    """The cost of a line's first `units`: their price less their share of the discount.

    The discount is spread over the units by largest remainder: each share is rounded down or up, and all shares add up to
    the discount. So refunds of parts add up to the refund of the whole, whatever the parts and their order; a single refund
    rounds in the customer's favour.
    """
    return line.unit_price_minor * units - line.discount_minor * units // line.quantity


def without(lines: tuple[Line, ...], left: Mapping[str, int]) -> tuple[Line, ...]:
    """The lines when only `left` (units by sku) have left: the other units are cancelled, with the amount owed for them."""
    return tuple(_cancelled(line, line.quantity - min(line.quantity, left.get(line.sku, 0))) for line in lines)


def total(lines: tuple[Line, ...]) -> int:
    """The amount owed for all cancelled units."""
    return sum(line.refunded_minor for line in lines)


def partly_cancelled(order: Order) -> bool:
    """Whether some units went back to stock. If the order is confirmed, the others have left and none is open."""
    return any(line.cancelled_quantity for line in order.lines)


def _cancelled(line: Line, units: int) -> Line:
    return replace(line, cancelled_quantity=units, refunded_minor=owed(line, units))
