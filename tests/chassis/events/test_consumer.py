"""A consumer: each effect once, in order per key, and events that cannot be handled block no other key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from chassis.db import Database, Tx
from chassis.events.broker import Batch, Broker
from chassis.events.consumer import Consumer, Handle
from chassis.events.dead_letters import DeadLetters
from chassis.events.event import Event
from chassis.events.inbox import MOST_TRIES
from chassis.events.relay import Relay
from tests.chassis.events.conftest import TYPE, Put

DUE_NOW = "UPDATE parked_events SET due_at = now() WHERE state <> 'DEAD'"
PAUSE = "SELECT round(extract(epoch FROM due_at - now())) FROM parked_events"
EFFECTS = "SELECT key, position FROM effects ORDER BY number"


class Effects:
    """Writes each event into a table; fails for chosen events."""

    def __init__(self) -> None:
        self.poison: set[int] = set()
        self.calls = 0

    async def __call__(self, tx: Tx, events: Sequence[Event]) -> None:
        self.calls += 1
        for event in events:
            await tx.execute("INSERT INTO effects (key, position) VALUES (%s, %s)", (event.key, event.position))
            if event.position in self.poison:
                raise ValueError(f"cannot handle {event.position}")


@pytest.fixture
async def effects(db: Database) -> Effects:
    async with db.transaction() as tx:
        await tx.execute(
            "CREATE TABLE effects (number bigint GENERATED ALWAYS AS IDENTITY, key text NOT NULL, position bigint NOT NULL)"
        )
    return Effects()


@pytest.fixture
async def consumer(db: Database, broker: Broker, effects: Effects) -> AsyncIterator[Consumer]:
    """Handles promo's redemptions."""
    one = Consumer(db, broker, "test", ["promo"], ["promo.redemption.*"], effects)
    yield one
    await one.close()


async def _effects(db: Database) -> list[tuple[Any, ...]]:
    async with db.connection() as connection:
        return await (await connection.execute(EFFECTS)).fetchall()


async def _run(consumer: Consumer, events: int) -> None:
    """Runs until this many events were taken in."""
    while events > 0:
        events -= await consumer.run_once()
    assert events == 0


async def _retry_until_nothing_is_due(db: Database, consumer: Consumer) -> int:
    tried = 0
    while True:
        async with db.transaction() as tx:
            await tx.execute(DUE_NOW)
        found = await consumer.retry_once()
        if not found:
            return tried
        tried += found


def batch(*events: Event) -> Batch:
    return Batch("promo", events[0].partition, list(events))


def event(position: int, key: str = "k") -> Event:
    return Event(f"promo-{position}", "promo", TYPE, key, position, "2026-11-21T10:00:00Z", b"")


async def test_every_event_has_its_effect_once_in_the_order_of_its_key(
    db: Database, relay: Relay, consumer: Consumer, put: Put
) -> None:
    for number in range(40):
        await put(f"k{number % 5}", number)
    await relay.run_once()
    await _run(consumer, 40)
    found = await _effects(db)
    for key in {key for key, _ in found}:
        positions = [position for name, position in found if name == key]
        assert positions == sorted(positions)
    assert sorted(position for _, position in found) == list(range(1, 41))


async def test_events_that_come_again_have_no_effect_again(db: Database, consumer: Consumer) -> None:
    for _ in range(3):
        await consumer.take(batch(event(1), event(2)))
    await consumer.take(batch(event(2), event(3)))
    assert [position for _, position in await _effects(db)] == [1, 2, 3]


async def test_an_event_that_comes_twice_in_one_batch_has_its_effect_once(db: Database, consumer: Consumer) -> None:
    await consumer.take(batch(event(1), event(2), event(1), event(2), event(3)))
    assert [position for _, position in await _effects(db)] == [1, 2, 3]


async def test_two_consumers_whose_effects_deadlock_have_both(db: Database, broker: Broker) -> None:
    async with db.transaction() as tx:
        await tx.execute("CREATE TABLE rows (name text PRIMARY KEY, times bigint NOT NULL)")
        await tx.execute("INSERT INTO rows VALUES ('a', 0), ('b', 0)")
    met = asyncio.Barrier(2)

    def handler(*names: str) -> Handle:
        tries: list[int] = []

        async def handle(tx: Tx, events: Sequence[Event]) -> None:
            tries.append(1)
            for name in names:
                await tx.execute("UPDATE rows SET times = times + 1 WHERE name = %s", (name,))
                if len(tries) == 1 and name == names[0]:
                    await met.wait()

        return handle

    consumers = [
        Consumer(db, broker, name, ["promo"], ["promo.redemption.*"], handler(*names))
        for name, names in (("first", ("a", "b")), ("second", ("b", "a")))
    ]
    await asyncio.gather(*(consumer.take(batch(event(1))) for consumer in consumers))
    async with db.connection() as connection:
        times = await (await connection.execute("SELECT times FROM rows")).fetchall()
        parked = await (await connection.execute("SELECT count(*) FROM parked_events")).fetchall()
    assert (times, parked) == ([(2,), (2,)], [(0,)])


async def test_a_consumer_that_died_before_its_effect_leaves_the_event_to_the_next(
    db: Database, broker: Broker, relay: Relay, consumer: Consumer, put: Put, effects: Effects
) -> None:
    await put("k", 0)
    await relay.run_once()
    dead = await broker.subscribe("test", ["promo"])
    assert await dead.next(1.0) is not None
    await dead.close()
    await _run(consumer, 1)
    assert await _effects(db) == [("k", 1)]


async def test_a_consumer_that_died_after_its_effect_does_not_repeat_it(
    db: Database, broker: Broker, relay: Relay, consumer: Consumer, put: Put, effects: Effects
) -> None:
    await put("k", 0)
    await relay.run_once()
    died = Consumer(db, broker, "test", ["promo"], [], effects)
    subscription = await broker.subscribe("test", ["promo"])
    found = await subscription.next(1.0)
    assert found is not None
    await died.take(found)  # and never acknowledges it
    await subscription.close()
    await _run(consumer, 1)
    assert await _effects(db) == [("k", 1)]


async def test_the_first_failure_of_a_key_stops_that_key_only(
    db: Database, consumer: Consumer, effects: Effects
) -> None:
    effects.poison = {2}
    await consumer.take(batch(event(1, "a"), event(2, "b"), event(3, "b"), event(4, "c")))
    await consumer.take(batch(event(5, "b"), event(6, "a")))
    assert await _effects(db) == [("a", 1), ("c", 4), ("a", 6)]
    effects.poison = set()
    assert await _retry_until_nothing_is_due(db, consumer) == 3
    assert await _effects(db) == [("a", 1), ("c", 4), ("a", 6), ("b", 2), ("b", 3), ("b", 5)]
    await consumer.take(batch(event(7, "b")))
    assert (await _effects(db))[-1] == ("b", 7)


async def test_a_retry_waits_longer_each_time(db: Database, consumer: Consumer, effects: Effects) -> None:
    effects.poison = {1}
    await consumer.take(batch(event(1)))
    assert await consumer.retry_once() == 0
    pauses = []
    for _ in range(4):
        async with db.transaction() as tx:
            await tx.execute(DUE_NOW)
        assert await consumer.retry_once() == 1
        async with db.connection() as connection:
            row = await (
                await connection.execute("SELECT round(extract(epoch FROM due_at - now())) FROM parked_events")
            ).fetchone()
        assert row is not None
        pauses.append(int(row[0]))
    assert pauses == [2, 4, 8, 16]


async def test_after_ten_tries_an_event_is_a_dead_letter_and_its_key_goes_on(
    db: Database, consumer: Consumer, effects: Effects
) -> None:
    effects.poison = {1}
    await consumer.take(batch(event(1)))
    await consumer.take(batch(event(2)))
    assert await _retry_until_nothing_is_due(db, consumer) == MOST_TRIES - 1 + 1
    assert await _effects(db) == [("k", 2)]
    [letter] = await DeadLetters(db).find("", 0, 10)
    assert (letter.event.id, letter.consumer, letter.attempts) == ("promo-1", "test", MOST_TRIES)
    assert "cannot handle 1" in letter.error


async def test_a_dead_letter_can_be_replayed(db: Database, consumer: Consumer, effects: Effects) -> None:
    effects.poison = {1, 2}
    await consumer.take(batch(event(1, "a"), event(2, "b")))
    await _retry_until_nothing_is_due(db, consumer)
    letters = DeadLetters(db)
    assert len(await letters.find("test", 0, 10)) == 2
    effects.poison = {2}
    assert await letters.replay("test", ["promo-1"]) == 1
    assert await letters.replay("test", ["promo-1"]) == 0
    assert await letters.replay("somebody else", []) == 0
    await _retry_until_nothing_is_due(db, consumer)
    assert await _effects(db) == [("a", 1)]
    assert [letter.event.id for letter in await letters.find("test", 0, 10)] == ["promo-2"]
    await letters.count()


async def test_events_of_other_types_are_passed_over(db: Database, broker: Broker, effects: Effects) -> None:
    consumer = Consumer(db, broker, "test", ["promo"], ["promo.promotion.*"], effects)
    await consumer.take(batch(event(1)))
    assert effects.calls == 0


async def test_two_readers_at_once_have_each_effect_once(db: Database, broker: Broker, effects: Effects) -> None:
    one, other = (Consumer(db, broker, "test", ["promo"], [], effects) for _ in range(2))
    events = [event(position, f"k{position % 3}") for position in range(1, 50)]
    await asyncio.gather(one.take(Batch("promo", 0, events)), other.take(Batch("promo", 0, events)))
    assert sorted(position for _, position in await _effects(db)) == list(range(1, 50))
