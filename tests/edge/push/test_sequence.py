"""The order of one source: gaps, repeats, and empty positions."""

from __future__ import annotations

import random

from chassis.events.event import Event
from edge.push import sequence
from edge.push.sequence import Sequence
from tests.edge.push.world import stock


def begun(position: int = 0) -> Sequence:
    begun = Sequence(lambda: 100.0)
    begun.begin(position)
    return begun


def offered(order: Sequence, *events: Event) -> list[int]:
    return [passed.position for event in events for passed in order.offer(event)]


def test_events_in_order_pass_at_once_and_leave_no_gap() -> None:
    order = begun(7)
    assert offered(order, stock(8), stock(9)) == [8, 9]
    assert order.gap_since is None


def test_what_comes_too_early_waits_and_then_passes_in_order() -> None:
    order = begun()
    assert offered(order, stock(2), stock(4)) == []
    assert order.gap_since == 100.0
    assert offered(order, stock(1)) == [1, 2]
    assert offered(order, stock(3)) == [3, 4]
    assert order.gap_since is None


def test_whatever_the_order_of_arrival_each_passes_once_and_in_order() -> None:
    chance = random.Random(7)
    for _ in range(200):
        order = begun()
        arriving = [stock(position) for position in range(1, 30)] * 2
        chance.shuffle(arriving)
        assert offered(order, *arriving) == list(range(1, 30))


def test_a_repeat_is_known_by_its_position() -> None:
    order = begun()
    assert offered(order, stock(1), stock(2), stock(1), stock(2), stock(3)) == [1, 2, 3]


def test_a_repeat_under_a_new_position_is_known_by_its_id() -> None:
    order = begun()
    assert offered(order, stock(1, id_="e-1"), stock(2, id_="e-1"), stock(3, id_="e-3")) == [1, 3]
    assert order.position == 3


def test_the_log_fills_a_gap_and_places_that_hold_nothing_are_skipped() -> None:
    order = begun()
    assert offered(order, stock(1), stock(6)) == [1]
    filled = [event.position for event in order.settle(5, [stock(2), stock(4)])]
    assert filled == [2, 4, 6]


def test_what_the_broker_brought_and_the_log_forgot_is_passed_all_the_same() -> None:
    order = begun()
    assert offered(order, stock(3)) == []
    assert [event.position for event in order.settle(4, [stock(1), stock(2)])] == [1, 2, 3]
    assert order.position == 4


def test_nothing_passes_before_it_is_known_where_the_log_stands() -> None:
    order = Sequence()
    assert offered(order, stock(1)) == []
    order.begin(1)
    assert offered(order, stock(2)) == [2]


def test_a_long_wait_behind_a_gap_is_bounded_and_heals_from_the_log() -> None:
    order = begun()
    most = sequence.MOST_HELD
    assert offered(order, *(stock(position) for position in range(2, most + 10))) == []
    everything = [stock(position) for position in range(1, most + 10)]
    passed = [event.position for event in order.settle(most + 9, everything)]
    assert passed == list(range(1, most + 10))
