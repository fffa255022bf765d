"""Refunds for units that never left: exact, in any parts, for any price and discount."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from order_svc.domain import refund
from order_svc.domain.order import Line

MOST_UNITS = 1_000_000
MOST_PRICE = 10**9


@st.composite
def lines(draw: st.DrawFn, sku: str = "SERUM") -> Line:
    """A priced line: free, full-price, given away, or anything between; few units as often as many."""
    quantity = draw(st.integers(1, 9) | st.integers(1, MOST_UNITS))
    price = draw(st.integers(0, 9) | st.integers(0, MOST_PRICE))
    subtotal = quantity * price
    discount = draw(st.sampled_from((0, subtotal)) | st.integers(0, subtotal))
    return Line(sku, sku, quantity, "", price, subtotal, discount, subtotal - discount, (), ())


@given(lines(), st.data())
def test_refunds_of_parts_add_up_to_the_refund_of_the_whole(line: Line, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, line.quantity), max_size=6).map(sorted))
    bounds = [0, *cuts, line.quantity]
    parts = [refund.owed(line, after) - refund.owed(line, before) for before, after in pairwise(bounds)]
    assert all(part >= 0 for part in parts), "cancelling more costs nothing"
    assert sum(parts) == line.total_minor


@given(lines(), st.data())
def test_a_refund_is_within_one_minor_unit_of_the_exact_share_and_never_less(line: Line, data: st.DataObject) -> None:
    units = data.draw(st.integers(0, line.quantity))
    exact = Fraction(line.total_minor * units, line.quantity)
    assert 0 <= refund.owed(line, units) - exact < 1
    assert refund.owed(line, units) <= line.total_minor


@given(lines("A"), lines("B"), st.data())
def test_what_left_is_charged_and_nothing_else(first: Line, second: Line, data: st.DataObject) -> None:
    left = {line.sku: data.draw(st.integers(0, line.quantity)) for line in (first, second)}
    after = refund.without((first, second), left)
    assert [line.cancelled_quantity for line in after] == [line.quantity - left[line.sku] for line in (first, second)]
    assert refund.total(after) == sum(refund.owed(line, line.quantity - left[line.sku]) for line in (first, second))
    assert refund.without(after, left) == after, "a repeat changes nothing"


@given(lines())
def test_more_than_was_bought_cannot_have_left(line: Line) -> None:
    [after] = refund.without((line,), {line.sku: line.quantity + 1})
    assert (after.cancelled_quantity, after.refunded_minor) == (0, 0)


def test_a_discount_that_does_not_divide_is_spread_unit_by_unit() -> None:
    line = Line("A", "A", 3, "", 999, 2997, 300, 2697, (), ())
    assert [refund.owed(line, units) for units in range(4)] == [0, 899, 1798, 2697]
    odd = Line("A", "A", 3, "", 1000, 3000, 100, 2900, (), ())
    assert [refund.owed(odd, units) for units in range(4)] == [0, 967, 1934, 2900]
