"""The audit's decision alone: a difference seen three times, far apart, is drift; work in flight is not."""

from __future__ import annotations

from chassis.gate.drift import LOOK_AGAIN_MS, MOST_SUSPECTS, STILL_MS, Drift, Reading, Suspects

FAR_MS = LOOK_AGAIN_MS + STILL_MS


def reading(expected: int, found: int | None, version: int = 1, steady: bool = True) -> Reading:
    """One level, as it was read."""
    return Reading("a@x", expected, found, version, steady)


def suspects() -> Suspects:
    """One suspect, just found by the walk."""
    found = Suspects()
    found.add("a@x")
    return found


def looked(found: Suspects, now_ms: int, *readings: Reading) -> list[Drift]:
    """Reads at one-second steps from then on, as long as the level is due."""
    certain = []
    for number, one in enumerate(readings):
        now = now_ms + number * STILL_MS
        assert found.due(now) == ["a@x"]
        certain += found.judge([one], now)
    return certain


def test_a_surplus_that_stays_is_certain_at_the_third_look() -> None:
    found = suspects()
    for number in range(2):
        assert looked(found, number * LOOK_AGAIN_MS, reading(5, 7)) == []
        assert found.due((number + 1) * LOOK_AGAIN_MS - 1) == []
    assert looked(found, 2 * LOOK_AGAIN_MS, reading(5, 7)) == [Drift("a@x", 5, 7, "UNKNOWN")]


def test_a_surplus_counts_though_the_level_is_being_sold_from() -> None:
    found = suspects()
    looked(found, 0, reading(50, 57, version=1))
    looked(found, LOOK_AGAIN_MS, reading(30, 34, version=90))
    [drift] = looked(found, 2 * LOOK_AGAIN_MS, reading(20, 22, version=99))
    assert drift.units == 2


def test_a_lack_counts_only_while_gate_and_journal_stand_still() -> None:
    found = suspects()
    assert looked(found, 0, reading(5, 3, 1), reading(4, 2, 2), reading(3, 1, 3)) == []
    assert found.all()[0].looks == 0
    for number in range(1, 3):
        assert looked(found, number * FAR_MS, reading(5, 3), reading(5, 3)) == []
    [drift] = looked(found, 3 * FAR_MS, reading(5, 3), reading(5, 3))
    assert drift.units == -2


def test_another_difference_begins_to_count_anew() -> None:
    found = suspects()
    looked(found, 0, reading(5, 3), reading(5, 3))
    looked(found, FAR_MS, reading(5, 3), reading(5, 3))
    assert looked(found, 2 * FAR_MS, reading(5, 4), reading(5, 4)) == []
    assert found.all()[0].looks == 1


def test_what_is_in_step_again_is_forgotten() -> None:
    found = suspects()
    looked(found, 0, reading(5, 3), reading(5, 5))
    assert len(found) == 0


def test_what_moved_around_the_look_says_nothing() -> None:
    found = suspects()
    looked(found, 0, reading(5, 9, steady=False), reading(5, 5, steady=False))
    assert found.all()[0].looks == 0


def test_a_counter_the_gate_lost_is_a_lack_and_says_so() -> None:
    found = suspects()
    for number in range(2):
        looked(found, number * FAR_MS, reading(5, None), reading(5, None))
    [drift] = looked(found, 2 * FAR_MS, reading(5, None), reading(5, None))
    assert (drift.cause, drift.units) == ("COUNTER_MISSING", -5)


def test_suspects_are_bounded_and_a_new_leader_waits_before_it_looks() -> None:
    found = Suspects()
    for number in range(MOST_SUSPECTS + 5):
        found.add(f"{number}")
    assert len(found) == MOST_SUSPECTS
    found.postpone(1_000)
    assert found.due(LOOK_AGAIN_MS) == []
    assert len(found.due(1_000 + LOOK_AGAIN_MS)) == MOST_SUSPECTS
