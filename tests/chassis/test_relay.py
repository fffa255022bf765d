"""From the outbox to the streams: in order per key, at least once, known by id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from chassis import outbox, redis
from chassis.db import Database
from chassis.redis import Client
from chassis.relay import BATCH, PARTITIONS, WHOLE_S, Relay, partition_of


@pytest.fixture
async def db(new_database: Callable[[str], str]) -> AsyncIterator[Database]:
    """A fresh database."""
    database = Database(new_database("orders"))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def relay(db: Database, streams: Client) -> AsyncIterator[Relay]:
    """The orders' relay."""
    one = Relay(db, streams, "order")
    yield one
    one.close()


@pytest.fixture
async def streams(valkey_url: str) -> AsyncIterator[Client]:
    """An empty Redis database for streams."""
    client = redis.connect(valkey_url.replace("/0", "/9"))
    await client.flushdb()
    yield client
    await client.aclose()


async def _put(db: Database, key: str, number: int) -> None:
    async with db.transaction() as tx:
        await outbox.put(tx, type="order.order.placed", key=key, payload={"number": number})


async def _events(streams: Client, key: str) -> list[dict[str, str]]:
    entries: Any = await streams.xrange(f"events:order:{partition_of(key)}")
    return [fields for _, fields in entries if fields["subject"] == key]


async def test_events_arrive_in_the_order_of_their_key_with_cloudevents_names(
    db: Database, streams: Client, relay: Relay
) -> None:
    for number in range(20):
        await _put(db, f"k{number % 3}", number)
    assert await relay.run_once() == 20
    assert await relay.run_once() == 0
    for key in ("k0", "k1", "k2"):
        events = await _events(streams, key)
        numbers = [orjson.loads(event["data"])["number"] for event in events]
        assert numbers == [number for number in range(20) if f"k{number % 3}" == key]
    first = (await _events(streams, "k0"))[0]
    assert {name: first[name] for name in ("specversion", "source", "type", "subject", "partitionkey")} == {
        "specversion": "1.0",
        "source": "/order",
        "type": "order.order.placed",
        "subject": "k0",
        "partitionkey": "k0",
    }


async def test_a_relay_that_dies_before_its_mark_sends_again_under_the_same_id(
    db: Database, streams: Client, relay: Relay
) -> None:
    await _put(db, "k", 1)
    await relay.run_once()
    async with db.connection() as connection:
        await connection.execute("UPDATE outbox SET published_at = NULL")
    await relay.run_once()
    events = await _events(streams, "k")
    assert len(events) == 2
    assert events[0]["id"] == events[1]["id"]


async def test_an_event_that_commits_late_is_not_skipped(db: Database, streams: Client, relay: Relay) -> None:
    async with db.transaction() as slow:
        await outbox.put(slow, type="order.order.placed", key="slow", payload={})
        await _put(db, "fast", 1)
        assert await relay.run_once() == 1
    assert await relay.run_once() == 1
    assert len(await _events(streams, "slow")) == 1


async def test_two_relays_do_not_mix_their_work(db: Database, streams: Client) -> None:
    for number in range(50):
        await _put(db, "k", number)
    relays = [Relay(db, streams, "order") for _ in range(4)]
    counts = await asyncio.gather(*(one.run_once() for one in relays))
    for one in relays:
        one.close()
    assert sum(counts) == 50
    numbers = [orjson.loads(event["data"])["number"] for event in await _events(streams, "k")]
    assert numbers == list(range(50))


def test_a_key_always_has_the_same_stream() -> None:
    assert partition_of("SERUM-30") == partition_of("SERUM-30")
    assert {partition_of(str(number)) for number in range(200)} == set(range(PARTITIONS))


async def test_a_round_is_followed_at_once_only_when_it_was_full(db: Database, streams: Client, relay: Relay) -> None:
    async with db.transaction() as tx:
        for number in range(BATCH + 1):
            await outbox.put(tx, type="order.order.placed", key="k", payload={"number": number})
    assert await relay.run_round() == BATCH
    assert await relay.run_round() == 0
    assert len(await _events(streams, "k")) == BATCH + 1


async def test_what_commits_after_many_newer_events_is_published_with_the_next_whole_look(
    db: Database, streams: Client
) -> None:
    now_s = 0.0
    relay = Relay(db, streams, "order", lambda: now_s)
    async with db.transaction() as late:
        await outbox.put(late, type="order.order.placed", key="late", payload={})
        for number in range(4):  # two whole looks, so that the floor passes the late event's id
            await _put(db, f"k{number}", number)
            assert await relay.run_once() == 1
            now_s += WHOLE_S
        assert await relay.run_once() == 0
    assert await relay.run_once() == 0
    assert await _events(streams, "late") == []
    now_s += WHOLE_S
    assert await relay.run_once() == 1
    assert len(await _events(streams, "late")) == 1
    relay.close()


async def test_a_transaction_as_long_as_the_time_between_whole_looks_is_not_missed(
    db: Database, streams: Client
) -> None:
    now_s = 0.0
    relay = Relay(db, streams, "order", lambda: now_s)
    await _put(db, "first", 0)
    assert await relay.run_once() == 1
    now_s += WHOLE_S
    async with db.transaction() as slow:
        await outbox.put(slow, type="order.order.placed", key="slow", payload={})
        await _put(db, "quick", 1)
        assert await relay.run_once() == 1
        now_s += WHOLE_S / 2
        assert await relay.run_once() == 0
    assert await relay.run_once() == 1
    assert len(await _events(streams, "slow")) == 1
    relay.close()


async def test_a_database_that_counts_anew_waits_for_one_whole_look_only(db: Database, streams: Client) -> None:
    now_s = 0.0
    relay = Relay(db, streams, "order", lambda: now_s)
    for number in range(20):
        await _put(db, "k", number)
    for _ in range(3):
        await relay.run_once()
        now_s += WHOLE_S
    async with db.transaction() as tx:
        await tx.execute("TRUNCATE outbox RESTART IDENTITY")
    await _put(db, "k", 20)
    assert await relay.run_once() == 1  # a whole look is due
    for number in (21, 22):
        await _put(db, "k", number)
        assert await relay.run_once() == 1
    relay.close()
