"""Reserving and settling through gate and journal, without failures."""

from __future__ import annotations

import asyncio

import pytest

from chassis.gate.journal import Become
from chassis.gate.model import Claim, Refused, Reused, WantedLine
from tests.chassis.gate.conftest import Rig, claim


async def test_a_reservation_takes_from_the_gate_and_from_the_journal(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    reserved = await rig.partition.claims.reserve(claim("r1", key, 2))
    assert reserved.reservation.state == "ACTIVE"
    assert reserved.reservation.taken == ((key, 2),)
    assert not reserved.replayed
    assert await rig.left(key) == 3
    assert await rig.level(key) == {"on_hand": 5, "reserved": 2, "committed": 0, "unavailable": 0}
    await rig.assert_in_step()


async def test_a_repeat_is_the_same_reservation(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    first = await rig.partition.claims.reserve(claim("r1", key, 2))
    second = await rig.partition.claims.reserve(claim("r1", key, 2))
    assert second.replayed
    assert second.reservation == first.reservation
    assert await rig.left(key) == 3


async def test_the_same_id_with_another_body_is_refused(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    with pytest.raises(Reused):
        await rig.partition.claims.reserve(claim("r1", key, 3))
    assert await rig.left(key) == 3


async def test_a_repeat_of_a_sold_reservation_is_answered_even_when_nothing_is_left(rig: Rig) -> None:
    key = await rig.counter("a", 2)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.partition.claims.settle("r1", "COMMITTED")
    again = await rig.partition.claims.reserve(claim("r1", key, 2))
    assert (again.replayed, again.reservation.state) == (True, "COMMITTED")
    await rig.assert_in_step()


async def test_the_same_id_with_another_body_is_refused_after_the_gate_forgot_it(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.partition.claims.settle("r1", "COMMITTED")
    await rig.sweep_all()
    with pytest.raises(Reused):
        await rig.partition.claims.reserve(claim("r1", key, 3))
    assert await rig.left(key) == 3
    await rig.assert_in_step()


async def test_a_basket_is_all_or_nothing_and_says_which_lines_are_short(rig: Rig) -> None:
    first, second = await rig.counter("a", 5), await rig.counter("b", 1)
    basket = Claim("r1", "f", (WantedLine((first,), 2), WantedLine((second,), 2)), 60_000)
    with pytest.raises(Refused) as refused:
        await rig.partition.claims.reserve(basket)
    assert [(short.index, short.available, short.known) for short in refused.value.short] == [(1, 1, True)]
    assert await rig.left(first) == 5
    assert await rig.state("r1") is None


async def test_a_line_comes_from_the_first_location_that_has_all_of_it(rig: Rig) -> None:
    berlin, lyon = await rig.counter("a", 1, "berlin"), await rig.counter("a", 5, "lyon")
    reserved = await rig.partition.claims.reserve(claim("r1", (berlin, lyon), 2))
    assert reserved.reservation.taken == ((lyon, 2),)


async def test_a_line_is_split_only_where_that_is_allowed(rig: Rig) -> None:
    berlin, lyon = await rig.counter("a", 1, "berlin"), await rig.counter("a", 2, "lyon")
    with pytest.raises(Refused) as refused:
        await rig.partition.claims.reserve(claim("r1", (berlin, lyon), 3))
    assert refused.value.short[0].available == 2
    reserved = await rig.partition.claims.reserve(claim("r2", (berlin, lyon), 3, split=True))
    assert reserved.reservation.taken == ((berlin, 1), (lyon, 2))
    await rig.assert_in_step()


async def test_two_lines_that_share_a_counter_do_not_pass_alone(rig: Rig) -> None:
    berlin, lyon = await rig.counter("a", 3, "berlin"), await rig.counter("a", 0, "lyon")
    twice = (WantedLine((berlin,), 2), WantedLine((berlin, lyon), 2))
    with pytest.raises(Refused):
        await rig.partition.claims.reserve(Claim("r1", "f", twice, 60_000))
    fits = (WantedLine((berlin,), 2), WantedLine((berlin, lyon), 1))
    reserved = await rig.partition.claims.reserve(Claim("r2", "f", fits, 60_000))
    assert reserved.reservation.taken == ((berlin, 3),)
    await rig.assert_in_step()


async def test_a_backorder_limit_may_be_taken_and_no_more(rig: Rig) -> None:
    key = await rig.counter("a", 1, backorder_limit=2)
    await rig.partition.claims.reserve(claim("r1", key, 3))
    with pytest.raises(Refused):
        await rig.partition.claims.reserve(claim("r2", key, 1))
    await rig.assert_in_step()


async def test_an_unknown_counter_is_short_and_said_to_be_unknown(rig: Rig) -> None:
    with pytest.raises(Refused) as refused:
        await rig.partition.claims.reserve(claim("r1", "nowhere@x", 1))
    assert not refused.value.short[0].known


@pytest.mark.parametrize(
    ("to", "level", "left"),
    [
        ("COMMITTED", {"on_hand": 5, "reserved": 0, "committed": 2, "unavailable": 0}, 3),
        ("RELEASED", {"on_hand": 5, "reserved": 0, "committed": 0, "unavailable": 0}, 5),
    ],
)
async def test_a_final_state_is_reached_once_and_never_left(
    rig: Rig, to: Become, level: dict[str, int], left: int
) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    found, changed = await rig.partition.claims.settle("r1", to)
    assert found is not None
    assert (found.state, changed) == (to, True)
    tries: tuple[Become, ...] = ("COMMITTED", "RELEASED", "EXTENDED")
    for again in tries:
        found, changed = await rig.partition.claims.settle("r1", again, 60_000)
        assert found is not None
        assert (found.state, changed) == (to, False)
    assert await rig.level(key) == level
    assert await rig.left(key) == left
    await rig.assert_in_step()


async def test_an_unknown_reservation_cannot_be_committed_and_leaves_a_tombstone_when_released(rig: Rig) -> None:
    assert await rig.partition.claims.settle("ghost", "COMMITTED") == (None, False)
    found, changed = await rig.partition.claims.settle("ghost", "RELEASED")
    assert found is not None
    assert (found.state, changed) == ("ABORTED", True)


async def test_extending_moves_the_end_forward_and_never_back(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    before = (await rig.partition.claims.reserve(claim("r1", key, 1, ttl_ms=60_000))).reservation.expires_ms
    shorter, _ = await rig.partition.claims.settle("r1", "EXTENDED", 1_000)
    longer, _ = await rig.partition.claims.settle("r1", "EXTENDED", 120_000)
    assert shorter is not None
    assert longer is not None
    assert shorter.expires_ms == before
    assert longer.expires_ms > before + 50_000


@pytest.mark.parametrize("copies", [1, 2])
async def test_five_hundred_buyers_of_fifty_units_get_exactly_fifty(rig: Rig, copies: int) -> None:
    key = await rig.counter("a", 50)

    async def buy(number: int) -> bool:
        try:
            await rig.partition.claims.reserve(claim(f"r{number}", key))
        except Refused:
            return False
        return True

    answers = await asyncio.gather(*(buy(number) for number in range(500) for _ in range(copies)))
    pairs = [answers[first : first + copies] for first in range(0, len(answers), copies)]
    assert all(len(set(pair)) == 1 for pair in pairs)
    assert sum(pair[0] for pair in pairs) == 50
    assert await rig.level(key) == {"on_hand": 50, "reserved": 50, "committed": 0, "unavailable": 0}
    await rig.assert_in_step()


async def test_every_change_of_state_has_exactly_one_event(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    ways: tuple[Become, ...] = ("COMMITTED", "RELEASED", "EXTENDED")
    for number, to in enumerate(ways):
        await rig.partition.claims.reserve(claim(f"r{number}", key, 1))
        await rig.partition.claims.reserve(claim(f"r{number}", key, 1))
        await rig.partition.claims.settle(f"r{number}", to, 90_000)
    await rig.partition.claims.settle("ghost", "RELEASED")
    events = await rig.rows("SELECT type, key FROM outbox WHERE type LIKE 'inventory.reservation.%%' ORDER BY id")
    assert events == [
        ("inventory.reservation.created", "r0"),
        ("inventory.reservation.committed", "r0"),
        ("inventory.reservation.created", "r1"),
        ("inventory.reservation.released", "r1"),
        ("inventory.reservation.created", "r2"),
        ("inventory.reservation.extended", "r2"),
        ("inventory.reservation.aborted", "ghost"),
    ]
