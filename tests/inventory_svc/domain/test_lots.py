"""First expired, first out."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from inventory_svc.domain.lots import LotStock, fefo, is_usable, pick, remove

TODAY = date(2026, 11, 20)
dates = st.one_of(st.none(), st.dates(date(2026, 1, 1), date(2028, 1, 1)))
lots = st.lists(
    st.builds(LotStock, st.text("ABC", max_size=3), st.integers(0, 20), st.none(), dates, st.booleans()),
    unique_by=lambda lot: lot.lot,
    max_size=6,
)


def test_a_lot_is_usable_through_its_last_day_and_not_after() -> None:
    assert is_usable(LotStock("L", 1, None, TODAY), TODAY)
    assert not is_usable(LotStock("L", 1, None, date(2026, 11, 19)), TODAY)
    assert is_usable(LotStock("L", 1), TODAY)


def test_the_first_to_expire_leaves_first_and_what_never_expires_last() -> None:
    never, late, soon = LotStock("A", 5), LotStock("B", 5, None, date(2027, 2, 1)), LotStock("C", 2, None, TODAY)
    assert pick([never, late, soon], 8, TODAY) == [("C", 2), ("B", 5), ("A", 1)]


def test_what_a_count_took_away_is_the_unnamed_lot_first() -> None:
    unnamed, named = LotStock("", 2), LotStock("A", 5, None, TODAY)
    assert remove([named, unnamed], 3) == [(unnamed, 2), (named, 1)]


@given(lots, st.integers(0, 150))
def test_picks_are_usable_within_what_is_there_and_as_many_as_possible(there: list[LotStock], quantity: int) -> None:
    by_number = {lot.lot: lot for lot in there}
    picks = pick(there, quantity, TODAY)
    assert all(is_usable(by_number[lot], TODAY) and 0 < part <= by_number[lot].on_hand for lot, part in picks)
    usable = sum(lot.on_hand for lot in there if is_usable(lot, TODAY))
    assert sum(part for _, part in picks) == min(quantity, usable)


@given(lots)
def test_the_order_is_the_same_whatever_order_the_lots_came_in(there: list[LotStock]) -> None:
    assert fefo(there) == fefo(there[::-1])
