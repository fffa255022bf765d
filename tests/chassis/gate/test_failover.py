"""Real losses of a real gate: killed, restarted, a replica promoted, a late old primary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest

from chassis import redis
from chassis.errors import ServiceError
from chassis.gate import scripts
from chassis.gate.gate import Gate
from chassis.gate.model import Refused, Stale
from chassis.gate.partition import Partition
from tests.chassis.gate.conftest import TABLES, Rig, claim
from tests.servers import Running, running_valkey


@pytest.fixture
def primary() -> Iterator[Running]:
    """A Valkey that may be killed."""
    with running_valkey() as running:
        yield running


@pytest.fixture
async def fragile(rig: Rig, primary: Running) -> AsyncIterator[Rig]:
    """The rig's database with a gate on that Valkey."""
    client = redis.connect(primary.url)
    partition = Partition(rig.db, client, "fragile", 0, TABLES)
    partition.claims.start()
    await partition.epochs.ensure(0, force=True)
    yield Rig(rig.db, client, partition, rig.database_url)
    await partition.close()
    await client.aclose()


async def test_a_killed_gate_refuses_and_after_its_restart_sells_what_is_left(fragile: Rig, primary: Running) -> None:
    key = await fragile.counter("a", 5)
    await fragile.partition.claims.reserve(claim("r1", key, 2))
    primary.kill()
    with pytest.raises(ServiceError, match="GATE_UNREACHABLE"):
        await fragile.partition.claims.reserve(claim("r2", key, 1))
    await fragile.partition.claims.settle("r1", "RELEASED")  # the journal decides, the gate gets it when it is back
    primary.start()
    await fragile.partition.claims.reserve(claim("r3", key, 5))
    with pytest.raises(Refused):
        await fragile.partition.claims.reserve(claim("r4", key, 1))
    await fragile.assert_in_step()


async def test_buyers_in_a_storm_of_restarts_never_get_more_than_there_is(fragile: Rig, primary: Running) -> None:
    key = await fragile.counter("a", 60)
    half_answered = asyncio.Event()
    sold = 0

    async def buy(number: int) -> None:
        nonlocal sold
        while True:
            try:
                await fragile.partition.claims.reserve(claim(f"r{number}", key))
            except Refused:
                return
            except ServiceError:
                await asyncio.sleep(0.01)
                continue
            sold += 1
            if sold >= 30:
                half_answered.set()
            return

    async def storm() -> None:
        for _ in range(3):
            await half_answered.wait()
            await asyncio.to_thread(primary.kill)
            await asyncio.to_thread(primary.start)

    async with asyncio.timeout(60):
        await asyncio.gather(storm(), *(buy(number) for number in range(100)))
    while True:  # connections that died with the server are detected one by one
        try:
            await fragile.sweep_all()
            await fragile.left(key)
            break
        except ServiceError:
            continue
    rows = await fragile.rows("SELECT count(*) FROM reservations WHERE state = 'ACTIVE'")
    assert rows == [(sold,)]
    assert (await fragile.level(key))["reserved"] == sold <= 60
    await fragile.assert_in_step()


async def test_a_promoted_replica_does_not_know_the_script_and_is_rebuilt(fragile: Rig, primary: Running) -> None:
    key = await fragile.counter("a", 5)
    await fragile.partition.claims.reserve(claim("r1", key, 2))
    with running_valkey() as other:
        replica = redis.connect(other.url)
        where = urlsplit(primary.url)
        await replica.config_set("masterauth", where.password or "")
        await replica.replicaof(where.hostname or "", str(where.port))
        async with asyncio.timeout(30):
            while (await replica.info("replication"))["master_link_status"] != "up":
                await asyncio.sleep(0.02)
        await fragile.client.wait(1, 1_000)
        epoch = fragile.partition.epochs.current
        await replica.replicaof("NO", "ONE")
        promoted = Gate(replica, fragile.partition.gate._keys)
        assert await promoted.current_epoch() == epoch, "the keys were replicated"
        assert await replica.script_exists(scripts.sha(scripts.reserve(epoch))) == [False], "the script was not"
        with pytest.raises(Stale):
            await promoted.reserve(epoch, [(claim("r2", key, 1), "nonce")])

        moved = Partition(fragile.db, replica, "fragile", 0, TABLES)
        moved.claims.start()
        await moved.epochs.watch()
        assert moved.epochs.current > epoch
        await moved.claims.reserve(claim("r3", key, 3))
        # The old primary still admits units that are sold elsewhere by now; the journal does not.
        late = await fragile.partition.gate.reserve(epoch, [(claim("r4", key, 3), "nonce")])
        with pytest.raises(Stale):
            await fragile.partition.journal.reserve(late)
        assert (await fragile.level(key))["reserved"] == 5
        await moved.close()
        await replica.aclose()


async def test_a_gate_whose_server_was_exchanged_unseen_is_rebuilt_by_the_watch(fragile: Rig) -> None:
    key = await fragile.counter("a", 5)
    before = fragile.partition.epochs.current
    await fragile.rows("UPDATE gate SET run_id = 'another run' RETURNING epoch")
    await fragile.partition.epochs.watch()
    assert fragile.partition.epochs.current > before
    await fragile.partition.epochs.watch()
    assert await fragile.left(key) == 5
