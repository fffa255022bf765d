"""The always-on audit on real servers: it finds drift, has it repaired, and does not take work in flight for drift."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg
import pytest
from google.protobuf import json_format

from chassis.gate import auditor as auditors
from chassis.gate.audit_journal import Round
from chassis.gate.drift import LOOK_AGAIN_MS
from chassis.gate.journal import Transition
from chassis.gate.model import Refused, Reservation, Take
from gen.inventory.v1.events_pb2 import AuditFindingReported
from tests.chassis.gate.auditing import Audited, Watch
from tests.chassis.gate.conftest import Rig, claim


@pytest.fixture
async def audited(rig: Rig) -> Audited:
    """The rig with an audit whose clock the test controls."""
    return Audited(rig)


@pytest.mark.parametrize(("units", "kind"), [(10, "KIND_DRIFT_UP"), (-2, "KIND_DRIFT_DOWN")])
async def test_a_gate_that_drifted_is_told_of_and_rebuilt(audited: Audited, units: int, kind: str) -> None:
    rig = audited.rig
    key, other = await rig.counter("a", 5), await rig.counter("b", 3)
    await rig.partition.claims.reserve(claim("r1", other, 1))
    await audited.shift(key, units)
    before = rig.partition.epochs.current
    status = await audited.looks(2)
    assert (status.suspects, status.repairs, rig.partition.epochs.current) == (1, 0, before)
    await audited.look()
    assert rig.partition.epochs.current > before
    assert (await rig.left(key), await rig.left(other)) == (5, 2)
    status = await audited.after(20_000)
    assert (status.drift_up_units, status.drift_down_units) == (max(units, 0), max(-units, 0))
    assert (status.repairs, status.suspects, len(status.examples)) == (1, 0, 1)
    [(type, finding)] = await audited.told()
    assert type == "inventory.audit.drift_found"
    assert (finding["key"], finding["kind"], finding["drift"], finding["epoch"]) == (key, kind, units, before)
    json_format.ParseDict({"finding": finding}, AuditFindingReported())
    await rig.assert_in_step()
    assert (await audited.looks()).repairs == 1


async def test_a_counter_that_the_gate_lost_comes_back(audited: Audited) -> None:
    key = await audited.rig.counter("a", 5)
    await audited.rig.client.hdel(audited.available(), key)
    await audited.looks()
    assert await audited.rig.left(key) == 5
    [(_, finding)] = await audited.told()
    assert (finding["cause"], finding["drift"]) == ("CAUSE_COUNTER_MISSING", -5)


async def test_a_counter_that_no_level_has_goes(audited: Audited) -> None:
    await audited.rig.counter("a", 5)
    await audited.rig.client.hset(audited.available(), "phantom@berlin", 7)
    await audited.looks(4)  # it is found at the end of a walk
    assert await audited.rig.left("phantom@berlin") is None
    [(_, finding)] = await audited.told()
    assert (finding["cause"], finding["drift"]) == ("CAUSE_COUNTER_WITHOUT_LEVEL", 7)


async def test_a_change_that_only_a_lost_primary_heard_of_is_found(audited: Audited) -> None:
    """Split brain, healed to the old primary: the other one had the adjustment; run id and epoch are unchanged."""
    rig = audited.rig
    key = await rig.counter("a", 5)
    async with rig.db.transaction() as tx:
        await tx.execute("UPDATE stock_levels SET on_hand = on_hand - 3, version = version + 1 WHERE key = %s", (key,))
        await tx.execute(
            "INSERT INTO stock_movements (kind, reference, key, on_hand_delta) VALUES ('ADJUST', 'x', %s, -3)", (key,)
        )
        rows = await rig.partition.adjustments.record(tx, rig.partition.epochs.current, {key: -3})
    await rig.partition.journal.forget([row.id for row in rows])  # the primary at that time had confirmed it
    await rig.partition.epochs.watch()
    assert await rig.left(key) == 5, "nothing else sees it"
    await audited.looks()
    assert await rig.left(key) == 2


async def test_what_a_crash_left_between_gate_and_journal_is_the_sweepers_not_drift(audited: Audited) -> None:
    rig = audited.rig
    key = await rig.counter("a", 9)
    before = rig.partition.epochs.current
    await rig.take_only(claim("orphan", key, 2))
    await rig.partition.claims.reserve(claim("r1", key, 3))
    await rig.partition.journal.settle([Transition("r1", "RELEASED")])
    status = await audited.walked()
    assert (status.suspects, status.ended_entries) == (1, 1)
    await audited.look()
    await rig.sweep_all()
    status = await audited.look()
    assert (status.suspects, status.repairs, rig.partition.epochs.current) == (0, 0, before)
    assert await audited.told() == []


async def test_takes_under_way_never_cause_a_rebuild(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst case: at every check another take of one unit is between gate and journal, so the deficit looks the same."""
    rig = audited.rig
    key = await rig.counter("a", 1_000)
    before, write = rig.partition.epochs.current, rig.partition.journal.reserve
    arrived, go = asyncio.Event(), asyncio.Event()

    async def held(takes: Sequence[Take]) -> dict[str, Reservation]:
        arrived.set()
        await go.wait()
        return await write(takes)

    async def buy() -> None:
        for number in range(60):
            await rig.partition.claims.reserve(claim(f"r{number}", key))

    with monkeypatch.context() as patched:
        patched.setattr(rig.partition.journal, "reserve", held)
        buyer, seen = asyncio.create_task(buy()), 0
        for _ in range(60):
            await arrived.wait()
            arrived.clear()
            seen += (await audited.after(35_000)).suspects
            go.set()
            await asyncio.sleep(0)
            go.clear()
        go.set()
        await buyer
    assert seen > 30, "the audit saw them"
    assert (await audited.after(35_000)).repairs == 0
    assert rig.partition.epochs.current == before
    assert await audited.told() == []
    await rig.assert_in_step()


async def test_a_take_that_waits_for_its_level_is_not_drift_at_one_look(audited: Audited) -> None:
    rig = audited.rig
    key = await rig.counter("a", 5)
    blocker = await psycopg.AsyncConnection.connect(rig.database_url)
    await blocker.execute("SELECT 1 FROM stock_levels WHERE key = %s FOR UPDATE", (key,))
    waiting = asyncio.create_task(rig.partition.claims.reserve(claim("r1", key, 2)))
    while await rig.left(key) == 5:
        await asyncio.sleep(0)
    await audited.walked()
    await audited.look()
    await blocker.rollback()
    await blocker.close()
    await waiting
    status = await audited.look()
    assert (status.suspects, status.repairs) == (0, 0)


async def test_a_level_that_is_not_the_sum_of_its_movements_is_told_of_once_and_left_alone(audited: Audited) -> None:
    rig = audited.rig
    key = await rig.counter("a", 5)
    await rig.rows("UPDATE stock_levels SET on_hand = 6 WHERE key = %s RETURNING 1", key)
    await rig.rebuild()
    for _ in range(3):
        assert (await audited.walked()).journal_mismatches == 1
        await rig.partition.claims.reserve(claim(f"r{audited.watch.passed_ms}", key))
    [(type, finding)] = await audited.told()
    assert (type, finding["number"], finding["drift"]) == ("inventory.audit.mismatch_found", "movements of on_hand", 1)
    assert finding["action"] == "ACTION_REPORTED"
    await rig.rows("UPDATE stock_levels SET on_hand = 5 WHERE key = %s RETURNING 1", key)
    assert (await audited.walked()).journal_mismatches == 0


async def test_reserved_units_that_no_active_reservation_holds_are_told_of_once(audited: Audited) -> None:
    rig = audited.rig
    key = await rig.counter("a", 5)
    await rig.partition.claims.reserve(claim("r1", key, 2))
    await rig.rows("UPDATE reservations SET state = 'RELEASED', ended_at = now() RETURNING 1")
    for _ in range(2):
        assert (await audited.walked()).journal_mismatches == 1
    [(_, finding)] = await audited.told()
    assert (finding["number"], finding["expected"], finding["found"]) == ("active reservations", 0, 2)


async def test_a_level_with_a_long_history_is_added_up_in_pieces(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditors, "STEPS", 2)
    rig = audited.rig
    await rig.counter("a", 0)
    key = "a@lyon"
    await rig.rows("INSERT INTO locations (location, name) VALUES ('lyon', 'x') RETURNING 1")
    await rig.rows(
        "INSERT INTO stock_levels (key, sku, location, on_hand) VALUES (%s, 'a', 'lyon', 13000) RETURNING 1", key
    )
    await rig.rows(
        "INSERT INTO stock_movements (kind, reference, key, on_hand_delta, created_at)"
        " SELECT 'RECEIVE', 'old-' || n, %s, 1, now() - interval '1 hour' FROM generate_series(1, 13000) n RETURNING 1",
        key,
    )
    await rig.rebuild()
    assert (await audited.walked()).journal_mismatches == 0
    assert await rig.rows("SELECT key, on_hand FROM audit_checkpoints") == [(key, 12_000)]
    await rig.rows("UPDATE audit_checkpoints SET on_hand = 4 RETURNING 1")
    assert (await audited.walked()).journal_mismatches == 0, "a wrong checkpoint is not a wrong level"
    await rig.rows("UPDATE stock_levels SET on_hand = 12999 WHERE key = %s RETURNING 1", key)
    assert (await audited.walked()).journal_mismatches == 1


async def test_a_walk_goes_on_level_by_level_in_bounded_rounds(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditors, "CHUNK", 1)
    monkeypatch.setattr(auditors, "CHUNKS", 3)
    for number in range(7):
        await audited.rig.counter(f"s{number}", 1)
    await audited.after(0)
    assert (await audited.auditor._journal.state()).walk_levels == 3
    assert (await audited.walked()).levels == 7


async def test_keys_of_old_epochs_are_unlinked_and_newer_ones_are_not(audited: Audited) -> None:
    rig = audited.rig
    await rig.counter("a", 5)
    keys, epoch = rig.partition.gate._keys, rig.partition.epochs.current
    await rig.client.hset(keys.available(epoch - 7), "a@berlin", 5)
    await rig.client.sadd(keys.epochs, epoch - 7)
    await rig.client.hset(keys.available(epoch + 7), "a@berlin", 5)
    assert (await audited.walked()).leftover_keys == 1
    assert await rig.client.exists(keys.available(epoch - 7)) == 0
    assert await rig.client.exists(keys.available(epoch + 7)) == 1
    assert await rig.client.smembers(keys.epochs) == {str(epoch)}


async def test_two_leaders_do_the_work_of_one_and_neither_believes_the_others_clock(rig: Rig) -> None:
    key = await rig.counter("a", 5)
    watch = Watch()
    first, second = Audited(rig, watch), Audited(rig, watch)
    await first.shift(key, 4)
    before = rig.partition.epochs.current
    await first.walked()
    before_ms = (await first.auditor.status()).walk_end_ms
    assert (await second.after(60_000)).walk_end_ms == before_ms, "the other leads"
    await second.takes_over()
    async with first.auditor._journal.round("first"):
        assert (await second.after(60_000)).walk_end_ms == before_ms, "one round at a time"
    for one in (first, second) * 3:
        await one.takes_over()
        await one.after(LOOK_AGAIN_MS)
    assert rig.partition.epochs.current == before, "they took turns: no look was far enough from the other's"
    await second.looks()
    assert await rig.left(key) == 5
    assert len(await second.told()) == 1


async def test_a_round_that_is_cut_leaves_nothing_and_another_process_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await rig.counter("a", 5)
    watch = Watch()
    first, second = Audited(rig, watch), Audited(rig, watch)
    await first.shift(key, -1)
    await first.looks(2)
    before = await first.auditor._journal.state()

    async def dies(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(Round, "tell", dies)
        with pytest.raises(asyncio.CancelledError):
            await first.look()
    assert (await first.auditor._journal.state()).suspects[0].looks == before.suspects[0].looks
    assert await rig.rows("SELECT count(*) FROM outbox WHERE type LIKE 'inventory.audit%%'") == [(0,)]
    await second.takes_over()
    await second.looks()
    assert await rig.left(key) == 5


async def test_a_repair_that_was_decided_and_not_done_is_done_by_the_next(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await rig.counter("a", 5)
    watch = Watch()
    first, second = Audited(rig, watch), Audited(rig, watch)
    await first.shift(key, 3)

    async def dies(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(rig.partition.epochs, "ensure", dies)
        with pytest.raises(asyncio.CancelledError):
            await first.looks()
    assert await rig.left(key) == 8
    await second.takes_over()
    await second.after(20_000)
    assert await rig.left(key) == 5
    assert (await second.after(20_000)).repairs == 1
    assert len(await second.told()) == 1


async def test_while_the_gate_is_not_served_there_is_nothing_to_audit(audited: Audited) -> None:
    key = await audited.rig.counter("a", 5)
    await audited.rig.client.flushdb()
    status = await audited.after(60_000)
    assert (status.walk_end_ms, status.suspects) == (0, 0)
    with pytest.raises(Refused):
        await audited.rig.partition.claims.reserve(claim("r1", key, 6))
    await audited.walked()
