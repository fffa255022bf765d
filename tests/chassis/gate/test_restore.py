"""A journal that was restored from a backup: the surviving gate is not trusted, even if its epoch matches."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chassis import redis
from chassis.db import Database
from chassis.gate.model import NO_MARK, Mark
from chassis.gate.partition import Partition
from chassis.gate.rebuilds import LIFE
from tests import databases
from tests.chassis.gate.conftest import TABLES, Rig, claim


@asynccontextmanager
async def started(rig: Rig, valkey_url: str) -> AsyncIterator[Rig]:
    """Another process of the same service, with its own connections and no memory."""
    client = redis.connect(valkey_url)
    db = Database(rig.database_url)
    await db.open()
    partition = Partition(db, client, rig.partition.gate._keys.prefix, 0, TABLES)
    partition.claims.start()
    yield Rig(db, client, partition, rig.database_url)
    await partition.close()
    await client.aclose()
    await db.close()


async def sell(rig: Rig, key: str, times: int) -> None:
    for _ in range(times):
        id = secrets.token_hex(6)
        await rig.partition.claims.reserve(claim(id, key, 1))
        await rig.partition.claims.settle(id, "COMMITTED")


async def restored_after_sales(rig: Rig, key: str, same_life: bool) -> None:
    """A backup, seven sales, a second of service, the restore. The gate survives."""
    await rig.partition.epochs.watch()
    backup = databases.copy(rig.database_url)
    await rig.db._check()
    await sell(rig, key, 7)
    await rig.partition.epochs.watch()
    databases.restore(rig.database_url, backup)
    if same_life:  # as after a restore of the files or into the same tables: nothing shows that it is another database
        databases.write(rig.database_url, f"UPDATE gate SET life = {LIFE}")


@pytest.mark.parametrize("same_life", [True, False])
async def test_a_gate_that_knows_sales_which_a_restore_has_lost_is_rebuilt_at_the_start(
    rig: Rig, valkey_url: str, same_life: bool
) -> None:
    key = await rig.counter("a", 10)
    await restored_after_sales(rig, key, same_life)
    async with started(rig, valkey_url) as after:
        before = await after.partition.gate.current_epoch()
        await after.partition.epochs.watch()
        assert after.partition.epochs.current != before
        assert await after.left(key) == 10
        await after.assert_in_step()


async def test_no_request_is_answered_from_the_old_gate_however_early_it_comes(rig: Rig, valkey_url: str) -> None:
    key = await rig.counter("a", 10)
    await restored_after_sales(rig, key, same_life=True)
    async with started(rig, valkey_url) as after:
        await after.partition.claims.reserve(claim("early", key, 8))  # the old gate has three
        assert await after.left(key) == 2
        await after.assert_in_step()


async def test_a_start_without_a_restore_rebuilds_nothing(rig: Rig, valkey_url: str) -> None:
    key = await rig.counter("a", 10)
    await sell(rig, key, 2)
    await rig.partition.epochs.watch()
    async with started(rig, valkey_url) as after:
        await asyncio.gather(*(one.partition.epochs.watch() for one in (rig, after) for _ in range(5)))
        assert after.partition.epochs.current == rig.partition.epochs.current
        assert await after.left(key) == 8


async def test_an_epoch_that_the_journal_has_never_seen_is_replaced_by_a_newer_one(rig: Rig) -> None:
    key = await rig.counter("a", 10)
    async with rig.db.transaction() as tx:
        await tx.execute("UPDATE gate SET epoch = 5")
    ahead = rig.partition.epochs.current + 10**9  # the restored journal and its clock are behind the serving gate
    await rig.client.set(rig.partition.gate._keys.pointer, ahead)
    await rig.partition.epochs.watch()
    assert rig.partition.epochs.current > ahead
    assert await rig.left(key) == 10


async def test_a_process_that_slept_through_the_restore_does_not_hide_it(rig: Rig, valkey_url: str) -> None:
    key = await rig.counter("a", 10)
    await rig.partition.epochs.watch()
    seen = (await rig.partition.epochs._rebuilds.serving()).mark
    epoch, rebuilds = rig.partition.epochs.current, rig.partition.epochs._rebuilds
    backup = databases.copy(rig.database_url)
    await rig.db._check()
    await sell(rig, key, 3)
    raised = await rebuilds.advance(epoch, seen, "before the restore")
    assert raised is not None
    await rig.partition.gate.remember_mark(epoch, raised)
    databases.restore(rig.database_url, backup)
    databases.write(rig.database_url, f"UPDATE gate SET life = {LIFE}")
    await rig.db._check()
    late = await rebuilds.advance(epoch, seen, "after the restore")
    assert late is not None
    await rig.partition.gate.remember_mark(epoch, late)
    assert late.number == raised.number
    async with started(rig, valkey_url) as after:
        await after.partition.epochs.watch()
        assert await after.left(key) == 10


async def test_a_mark_is_raised_by_one_of_those_who_saw_it(rig: Rig) -> None:
    epoch, rebuilds = rig.partition.epochs.current, rig.partition.epochs._rebuilds
    seen = (await rebuilds.serving()).mark
    raised = await asyncio.gather(*(rebuilds.advance(epoch, seen, f"p{number}") for number in range(5)))
    assert [one for one in raised if one is not None] == [(await rebuilds.serving()).mark]
    assert await rebuilds.advance(epoch + 1, (await rebuilds.serving()).mark, "another epoch") is None


async def test_the_gate_keeps_the_newest_mark_of_the_epoch_it_serves(rig: Rig) -> None:
    gate, epoch = rig.partition.gate, rig.partition.epochs.current
    await gate.remember_mark(epoch, Mark(900, "a:b"))
    for older in (Mark(899, "x"), Mark(900, "y")):
        await gate.remember_mark(epoch, older)
    assert await gate.mark(epoch) == Mark(900, "a:b")
    await gate.remember_mark(epoch + 1, Mark(1, "z"))
    assert await gate.mark(epoch + 1) == NO_MARK


async def test_what_the_relay_knows_of_a_restore_replaces_an_epoch_that_seems_fine(rig: Rig) -> None:
    key = await rig.counter("a", 10)
    await rig.partition.epochs.watch()
    before = rig.partition.epochs.current
    await rig.partition.epochs.replace()
    assert rig.partition.epochs.current > before
    assert await rig.left(key) == 10
