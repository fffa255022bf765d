"""The leftovers of crashes, lost gates, late duplicates and forced decreases, and their recovery."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from chassis.db import Database
from chassis.errors import ServiceError
from chassis.gate import journal as journals
from chassis.gate.claims import Claims, GuardRefused
from chassis.gate.gate import FIRST_LOOK_MS, Entry, Settlement
from chassis.gate.journal import Journal, Noted, Settled, Transition
from chassis.gate.model import Aborted, Refused, Reservation, Stale, Take
from chassis.gate.sweep import LOOK_AGAIN_MS
from tests.chassis.gate.conftest import Rig, claim


async def test_a_take_whose_journal_entry_never_came_is_buried_and_given_back(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    take = await rig.take_only(claim("r1", key, 2))
    assert await rig.left(key) == 3
    await rig.sweep_all()
    assert await rig.left(key) == 5
    assert await rig.state("r1") == "ABORTED"
    late = await rig.partition.journal.reserve([take])
    assert late["r1"].state == "ABORTED"
    with pytest.raises(Aborted):
        await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.assert_in_step()


async def test_a_live_reservation_is_left_alone_by_the_sweeper(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.sweep_all()
    assert await rig.left(key) == 3
    assert await rig.state("r1") == "ACTIVE"


async def test_a_release_that_never_reached_the_gate_is_swept(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.partition.journal.settle([Transition("r1", "RELEASED")])
    assert await rig.left(key) == 3
    await rig.sweep_all()
    assert await rig.left(key) == 5
    await rig.sweep_all()
    assert await rig.left(key) == 5
    await rig.assert_in_step()


async def test_a_lost_release_of_a_long_reservation_is_swept_long_before_it_would_lapse(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2, ttl_ms=900_000))
    await rig.partition.sweeper.run_once(FIRST_LOOK_MS + 5_000)
    await rig.partition.journal.settle([Transition("r1", "RELEASED")])  # the process dies before it updates the gate
    await rig.partition.sweeper.run_once(LOOK_AGAIN_MS + 5_000)
    assert await rig.left(key) == 5
    await rig.assert_in_step()


async def test_an_epoch_that_was_flushed_while_it_was_loaded_is_not_published(rig: Rig) -> None:
    await rig.counter("a", 5)
    gate, epoch = rig.partition.gate, rig.partition.epochs.current + 1
    await gate.announce(epoch)
    await gate.load_counters(epoch, [("a@berlin", 5)])
    await rig.client.flushdb()
    await gate.load_entries(epoch, [Entry("r1", "f", "n", (("a@berlin", 2),))], 0)
    assert not await gate.publish(epoch)
    assert not await gate.serves(epoch)


async def test_a_commit_that_never_reached_the_gate_is_forgotten_not_given_back(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.partition.journal.settle([Transition("r1", "COMMITTED")])
    await rig.sweep_all()
    assert await rig.left(key) == 3
    await rig.assert_in_step()


@pytest.mark.parametrize("rebuilt", [False, True])
async def test_a_late_duplicate_of_a_committed_reservation_that_took_again_is_given_back(
    rig: Rig, rebuilt: bool
) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.partition.claims.settle("r1", "COMMITTED")
    await (rig.rebuild() if rebuilt else rig.sweep_all())  # either way the gate forgets the entry
    await rig.take_only(claim("r1", key, 2))  # the duplicate's process dies here
    assert await rig.left(key) == 1
    await rig.sweep_all()
    assert await rig.left(key) == 3
    await rig.assert_in_step()


async def test_a_late_duplicate_answers_the_committed_reservation_and_keeps_nothing(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.partition.claims.settle("r1", "COMMITTED")
    await rig.sweep_all()
    again = await rig.partition.claims.reserve(claim("r1", key, 2))
    assert (again.replayed, again.reservation.state) == (True, "COMMITTED")
    assert await rig.left(key) == 3


async def test_a_reserve_whose_first_write_was_sold_before_its_second_try_keeps_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await rig.counter("a", 5)
    write = rig.partition.journal.reserve
    tries = 0

    async def first_answer_is_lost(takes: Sequence[Take]) -> dict[str, Reservation]:
        nonlocal tries
        tries += 1
        rows = await write(takes)
        if tries > 1:
            return rows
        await rig.partition.journal.settle([Transition("r1", "COMMITTED")])
        lost = rig.partition.epochs.current
        await rig.rebuild()
        raise Stale(lost)

    monkeypatch.setattr(rig.partition.journal, "reserve", first_answer_is_lost)
    reserved = await rig.partition.claims.reserve(claim("r1", key, 2))
    assert (tries, reserved.replayed, reserved.reservation.state) == (2, False, "COMMITTED")
    assert await rig.left(key) == 3
    await rig.assert_in_step()


async def test_a_token_of_another_take_gives_nothing_back(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.partition.gate.settle(rig.partition.epochs.current, [Settlement("r1", "not-its-token", "give")])
    assert await rig.left(key) == 3


async def test_an_expired_reservation_goes_back_and_cannot_be_committed(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2, ttl_ms=60_000))
    assert await rig.partition.sweeper.expire_once() == 0
    await rig.rows("UPDATE reservations SET expires_at = now() - interval '1 minute' RETURNING id")
    assert await rig.partition.sweeper.expire_once() == 1
    assert await rig.partition.sweeper.expire_once() == 0
    assert await rig.left(key) == 5
    found, changed = await rig.partition.claims.settle("r1", "COMMITTED")
    assert found is not None
    assert (found.state, changed) == ("EXPIRED", False)
    await rig.assert_in_step()


async def test_a_commit_after_its_time_works_while_nobody_has_expired_it(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.rows("UPDATE reservations SET expires_at = now() - interval '1 minute' RETURNING id")
    found, changed = await rig.partition.claims.settle("r1", "COMMITTED")
    assert found is not None
    assert (found.state, changed) == ("COMMITTED", True)
    assert await rig.partition.sweeper.expire_once() == 0
    await rig.assert_in_step()


@pytest.mark.parametrize("loss", ["SCRIPT FLUSH", "FLUSHDB"])
async def test_a_gate_that_lost_its_memory_is_rebuilt_and_the_claim_goes_on(rig: Rig, loss: str) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    before = rig.partition.epochs.current
    if loss == "FLUSHDB":
        await rig.client.flushdb()
    else:
        await rig.client.script_flush()
    reserved = await rig.partition.claims.reserve(claim("r2", key, 3))
    assert reserved.reservation.state == "ACTIVE"
    assert rig.partition.epochs.current > before
    with pytest.raises(Refused):
        await rig.partition.claims.reserve(claim("r3", key, 1))
    await rig.assert_in_step()


async def test_a_rebuild_keeps_live_reservations_and_drops_the_old_epochs_keys(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.partition.claims.reserve(claim("r2", key, 1))
    await rig.partition.claims.settle("r2", "COMMITTED")
    old = rig.partition.epochs.current
    await rig.rebuild()
    assert await rig.left(key) == 2
    assert await rig.partition.gate.counter_count(old) == 0
    replayed = await rig.partition.claims.reserve(claim("r1", key, 2))
    assert replayed.replayed
    await rig.partition.claims.settle("r1", "RELEASED")
    assert await rig.left(key) == 4
    await rig.assert_in_step()


async def test_another_process_learns_of_a_new_epoch_by_itself(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    other = rig.other_epochs()
    await other.watch()
    await rig.rebuild()
    claims = Claims(rig.partition.gate, rig.partition.journal, other)
    claims.start()
    await claims.reserve(claim("r1", key, 1))
    assert other.current == rig.partition.epochs.current
    await claims.close()


async def test_two_processes_that_both_lost_the_gate_rebuild_it_once(rig: Rig) -> None:
    await rig.counter("a", 5)
    lost = rig.partition.epochs.current
    others = [rig.other_epochs() for _ in range(4)]
    await rig.client.flushdb()
    await asyncio.gather(*(one.ensure(lost) for one in [rig.partition.epochs, *others]))
    assert {one.current for one in others} == {rig.partition.epochs.current}


async def test_a_take_of_an_old_epoch_is_refused_by_the_journal(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    take = await rig.take_only(claim("r1", key, 2))
    await rig.rebuild()
    with pytest.raises(Stale):
        await rig.partition.journal.reserve([take])
    assert await rig.state("r1") is None
    assert await rig.left(key) == 5


async def test_giving_to_another_epoch_changes_nothing(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    reserved = await rig.partition.claims.reserve(claim("r1", key, 2))
    epoch, settlement = rig.partition.epochs.current, Settlement("r1", reserved.reservation.nonce, "give")
    assert await rig.partition.gate.settle(epoch - 1, [settlement]) == "NEWER"
    assert await rig.partition.gate.settle(epoch + 1, [settlement]) == "OLDER"
    assert await rig.left(key) == 3


async def test_the_journal_refuses_what_the_gate_wrongly_let_through(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.client.hincrby(rig.partition.gate._keys.available(rig.partition.epochs.current), key, 10)
    with pytest.raises(GuardRefused):
        await rig.partition.claims.reserve(claim("r1", key, 6))
    assert await rig.level(key) == {"on_hand": 5, "reserved": 0, "committed": 0, "unavailable": 0}
    assert await rig.state("r1") == "ABORTED"
    assert await rig.left(key) == 15  # the drift is the audit's to find; the take itself was returned


async def test_a_take_that_a_repeat_wrote_after_the_journal_refused_it_is_not_given_back(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.rows("UPDATE stock_levels SET unavailable = 4 WHERE key = %s RETURNING 1", key)  # the gate gets it later
    repeats = Claims(rig.partition.gate, rig.partition.journal, rig.partition.epochs)
    repeats.start()
    settle = rig.partition.journal.settle

    async def settled_late(transitions: Sequence[Transition]) -> Settled:
        """Between refusal and tombstone goods come back, and a repeat finds the take in the gate."""
        await rig.rows("UPDATE stock_levels SET unavailable = 0 WHERE key = %s RETURNING 1", key)
        assert (await repeats.reserve(claim("r1", key, 2))).reservation.state == "ACTIVE"
        return await settle(transitions)

    rig.partition.journal.settle = settled_late  # type: ignore[method-assign]
    reserved = await rig.partition.claims.reserve(claim("r1", key, 2))
    rig.partition.journal.settle = settle  # type: ignore[method-assign]
    assert reserved.reservation.state == "ACTIVE"
    assert await rig.left(key) == 3
    await repeats.close()
    await rig.assert_in_step()


async def test_a_bad_row_does_not_fail_its_batch(rig: Rig) -> None:
    key = await rig.counter("a", 50)
    await rig.client.hset(rig.partition.gate._keys.available(rig.partition.epochs.current), "phantom@berlin", 10)
    wanted = [claim(f"r{number}", key) for number in range(20)]
    wanted.insert(7, claim("bad", "phantom@berlin"))
    answers = await asyncio.gather(*map(rig.partition.claims.reserve, wanted), return_exceptions=True)
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [GuardRefused]
    assert isinstance(answers[7], GuardRefused)
    assert (await rig.level(key))["reserved"] == 20


async def test_a_cancelled_caller_does_not_stop_what_was_begun(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    blocker = await psycopg.AsyncConnection.connect(rig.database_url)
    await blocker.execute("SELECT 1 FROM stock_levels WHERE key = %s FOR UPDATE", (key,))
    caller = asyncio.create_task(rig.partition.claims.reserve(claim("r1", key, 2)))
    while await rig.left(key) == 5:
        await asyncio.sleep(0)
    caller.cancel()
    await blocker.rollback()
    await blocker.close()
    with pytest.raises(asyncio.CancelledError):
        await caller
    again = await rig.partition.claims.reserve(claim("r1", key, 2))
    assert again.replayed
    assert await rig.left(key) == 3
    await rig.assert_in_step()


async def test_an_unreachable_journal_is_told_and_then_refused_before_the_gate(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    nowhere = Database("postgresql://postgres@127.0.0.1:1/none")
    await nowhere._pool.open(wait=False)
    claims = Claims(rig.partition.gate, Journal(nowhere, 0, "reservations"), rig.partition.epochs)
    claims.start()
    with pytest.raises(ServiceError, match="JOURNAL_UNREACHABLE"):
        await claims.reserve(claim("r1", key, 1))
    assert await rig.left(key) == 4
    with pytest.raises(ServiceError, match="JOURNAL_UNREACHABLE"):
        await claims.reserve(claim("r2", key, 1))
    assert await rig.left(key) == 4, "the breaker is open: the gate was not asked"
    await claims.close()
    await nowhere.close()
    await rig.sweep_all()
    await rig.assert_in_step()


async def test_a_change_by_hand_reaches_the_gate_once_however_often_it_is_sent(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    rows = await _receive(rig, key, 3)
    assert await rig.left(key) == 5, "the process died before it updated the gate"
    await rig.partition.adjustments.apply(rows)
    await rig.partition.adjustments.apply(rows)
    assert await rig.left(key) == 8
    assert await rig.rows("SELECT count(*) FROM gate_adjustments") == [(0,)]
    await rig.assert_in_step()


async def test_a_change_by_hand_that_a_rebuild_has_counted_is_not_counted_again(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    rows = await _receive(rig, key, 3)
    await rig.rebuild()
    assert await rig.left(key) == 8
    await rig.partition.adjustments.apply(rows)
    assert await rig.left(key) == 8
    await rig.assert_in_step()


async def test_a_server_that_may_evict_is_refused(rig: Rig) -> None:
    await rig.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ServiceError, match="noeviction"):
            await rig.rebuild()
    finally:
        await rig.client.config_set("maxmemory-policy", "noeviction")


async def test_giving_back_works_when_memory_is_full(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.client.config_set("maxmemory", "1")
    try:
        with pytest.raises(ServiceError, match="GATE_UNREACHABLE"):
            await rig.partition.claims.reserve(claim("r2", key, 1))
        await rig.partition.claims.settle("r1", "RELEASED")
        assert await rig.left(key) == 5
    finally:
        await rig.client.config_set("maxmemory", "0")


async def _receive(rig: Rig, key: str, quantity: int) -> list[Noted]:
    """A receipt whose process ends right after the commit."""
    async with rig.db.transaction() as tx:
        epoch = await journals.enter(tx, 0)
        await tx.execute("UPDATE stock_levels SET on_hand = on_hand + %s WHERE key = %s", (quantity, key))
        await tx.execute(
            "INSERT INTO stock_movements (kind, reference, key, on_hand_delta) VALUES ('RECEIVE', 'x', %s, %s)",
            (key, quantity),
        )
        return await rig.partition.adjustments.record(tx, epoch, {key: quantity})
