"""From the outbox to the broker: in order per key, at least once, identified by id, each at its position in the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.db import Database
from chassis.events import outbox
from chassis.events.broker import Broker, BrokerUnreachable
from chassis.events.event import JSON, PARTITIONS, PROTOBUF, Event, partition_of
from chassis.events.event_types import EventTypes
from chassis.events.outbox import BATCH, ID_JUMP, Log
from chassis.events.relay import CHECK_S, WHOLE_S, Relay
from chassis.redis import Client
from tests.chassis.events.conftest import TYPE, Put


class Clock:
    """Monotonic seconds that stand still."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def told(broker: Broker) -> AsyncIterator[Any]:
    """The events that arrive at the broker from now on."""
    tail = await broker.tail(["promo"])

    async def told() -> list[Event]:
        found: list[Event] = []
        while more := await tail.next(0.05):
            found.extend(more)
        return found

    yield told
    await tail.close()


def number(event: Event, event_types: EventTypes) -> int:
    return int(event_types.message(event).redemption.redemption_id)


async def test_events_arrive_in_the_order_of_their_key_with_their_place_in_the_log(
    relay: Relay, put: Put, told: Any, event_types: EventTypes
) -> None:
    for one in range(20):
        await put(f"k{one % 3}", one)
    assert await relay.run_once() == 20
    assert await relay.run_once() == 0
    events = await told()
    for key in ("k0", "k1", "k2"):
        mine = [event for event in events if event.key == key]
        assert [number(event, event_types) for event in mine] == [one for one in range(20) if f"k{one % 3}" == key]
    assert sorted(event.position for event in events) == list(range(1, 21))
    assert {(event.source, event.type, event.content_type) for event in events} == {("promo", TYPE, PROTOBUF)}


async def test_a_stream_carries_the_attributes_that_cloudevents_names(relay: Relay, put: Put, streams: Client) -> None:
    await put("k", 7)
    await relay.run_once()
    entries: Any = await streams.xrange(f"events:promo:{partition_of('k')}")
    [(_, fields)] = entries
    del fields["time"], fields["data"]
    assert fields == {
        "specversion": "1.0",
        "id": "promo-1",
        "source": "/promo",
        "type": TYPE,
        "subject": "k",
        "partitionkey": "k",
        "sequence": "1",
        "datacontenttype": "application/protobuf",
    }


async def test_whoever_wants_json_gets_json(
    db: Database, broker: Broker, put: Put, told: Any, event_types: EventTypes
) -> None:
    relay = Relay(db, broker, "promo", event_types, JSON)
    await put("k", 7)
    await relay.run_once()
    [event] = await told()
    assert event.content_type == JSON
    assert number(event, event_types) == 7
    await relay.close()


async def test_an_event_whose_message_nobody_knows_holds_nothing_up(
    db: Database, relay: Relay, put: Put, told: Any
) -> None:
    async with db.transaction() as tx:
        await outbox.put(tx, type="promo.unheard_of", key="k", payload={"a": 1})
        await outbox.put(tx, type=TYPE, key="k", payload={"redemption": {"no_such_field": 1}})
    await put("k", 3)
    assert await relay.run_once() == 3
    assert [event.content_type for event in await told()] == [JSON, JSON, PROTOBUF]


async def test_an_event_that_commits_late_is_not_skipped(db: Database, relay: Relay, put: Put, told: Any) -> None:
    async with db.transaction() as slow:
        await outbox.put(slow, type=TYPE, key="slow", payload={})
        for one in range(3):
            await put("fast", one)
            assert await relay.run_once() == 1
    assert await relay.run_once() == 1
    events = await told()
    assert {(event.key, event.position) for event in events} == {("fast", 1), ("fast", 2), ("fast", 3), ("slow", 4)}


async def test_four_relays_at_once_give_each_event_one_place(
    db: Database, broker: Broker, put: Put, told: Any, event_types: EventTypes
) -> None:
    for one in range(50):
        await put("k", one)
    relays = [Relay(db, broker, "promo", event_types) for _ in range(4)]
    while any(await asyncio.gather(*(one.run_once() for one in relays))):
        pass
    events = await told()
    first_seen = list(dict.fromkeys(event.position for event in events))
    assert first_seen == list(range(1, 51))
    assert [number(event, event_types) for event in {event.position: event for event in events}.values()] == list(
        range(50)
    )
    for relay in relays:
        await relay.close()


async def test_a_broker_that_forgot_everything_is_told_everything_again(
    db: Database, broker: Broker, put: Put, told: Any, event_types: EventTypes, streams: Client
) -> None:
    clock = Clock()
    relay = Relay(db, broker, "promo", event_types, monotonic_s=clock)
    for one in range(3):
        await put("k", one)
    await relay.run_once()
    before = await told()
    await streams.flushdb()
    await put("k", 3)
    with pytest.raises(BrokerUnreachable, match="0 as newest of promo where 3"):
        await relay.run_once()
    assert await relay.run_once() == 4
    await streams.flushdb()  # and there are no new events
    clock.now_s += CHECK_S
    assert await relay.run_once() == 4
    assert await relay.run_once() == 0
    tail: Any = await streams.xrange(f"events:promo:{partition_of('k')}")
    assert [fields["id"] for _, fields in tail] == [*(event.id for event in before), "promo-4"]
    await relay.close()


async def test_what_was_numbered_and_not_sent_is_sent_by_the_next_relay(
    db: Database, broker: Broker, put: Put, told: Any, event_types: EventTypes
) -> None:
    for one in range(3):
        await put("k", one)
    numbered = await Log(db).number(0, 0, 0, True)
    assert len(numbered.rows) == 3
    relay = Relay(db, broker, "promo", event_types)
    await put("k", 3)
    assert await relay.run_once() == 3
    assert await relay.run_once() == 1
    assert [event.position for event in await told()] == [1, 2, 3, 4]
    await relay.close()


async def test_what_a_crash_of_postgres_forgot_of_how_far_the_broker_is_is_noted_again(
    db: Database, broker: Broker, put: Put, event_types: EventTypes
) -> None:
    clock = Clock()
    relay = Relay(db, broker, "promo", event_types, monotonic_s=clock)
    await put("k", 0)
    assert [await relay.run_once() for _ in range(2)] == [1, 0]
    async with db.transaction() as tx:
        await tx.execute("UPDATE event_log SET sent = 0")
    clock.now_s += CHECK_S
    assert await relay.run_once() == 0
    assert await Log(db).state() == (1, 1)
    await relay.close()


async def test_a_restored_database_gives_no_place_twice(
    db: Database, broker: Broker, put: Put, told: Any, event_types: EventTypes
) -> None:
    for one in range(5):
        await put("k", one)
    before = Relay(db, broker, "promo", event_types)
    await before.run_once()
    await before.close()
    async with db.transaction() as tx:
        await tx.execute("DELETE FROM outbox WHERE position > 2")
        await tx.execute("UPDATE event_log SET position = 2, sent = 2")
    await put("k", 9)
    noticed: list[int] = []

    async def on_restored() -> None:
        noticed.append(1)

    after = Relay(db, broker, "promo", event_types, on_restored=on_restored)
    while await after.run_once():
        pass
    await put("k", 10)
    await after.run_once()
    events = await told()
    assert [event.position for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert noticed == [1]
    assert int(events[-1].id.removeprefix("promo-")) > ID_JUMP  # no id is used twice, whatever the backup lacks
    await after.close()


async def test_numbers_that_a_crash_of_postgres_forgot_are_no_restore(
    db: Database, broker: Broker, put: Put, event_types: EventTypes
) -> None:
    for one in range(5):
        await put("k", one)
    before = Relay(db, broker, "promo", event_types)
    await before.run_once()
    await before.close()
    async with db.transaction() as tx:  # writes of the last half second, which did not wait for the disk
        await tx.execute("UPDATE outbox SET position = NULL, published_at = NULL WHERE position > 2")
        await tx.execute("UPDATE event_log SET position = 2, sent = 2")

    async def on_restored() -> None:
        raise AssertionError("nothing was restored")

    after = Relay(db, broker, "promo", event_types, on_restored=on_restored)
    while await after.run_once():
        pass
    assert await Log(db).state() == (8, 8)
    await after.close()


async def test_a_broker_that_cannot_be_reached_loses_nothing(
    db: Database, broker: Broker, put: Put, told: Any, event_types: EventTypes
) -> None:
    relay = Relay(db, broker, "promo", event_types)
    await put("k", 0)
    await relay.run_once()

    class Broken:
        async def publish(self, _events: object) -> None:
            raise BrokerUnreachable("gone")

        async def newest_position(self) -> int | None:
            raise BrokerUnreachable("gone")

        async def close(self) -> None: ...

    working, relay._publisher = relay._publisher, Broken()  # type: ignore[assignment]
    await put("k", 1)
    for _ in range(3):
        with pytest.raises(BrokerUnreachable):
            await relay.run_once()
    relay._publisher = working
    assert await relay.run_once() == 1
    assert [event.position for event in await told()] == [1, 2]
    await relay.close()


async def test_a_round_is_followed_at_once_only_when_it_was_full(db: Database, relay: Relay, told: Any) -> None:
    async with db.transaction() as tx:
        for _ in range(BATCH + 1):
            await outbox.put(tx, type=TYPE, key="k", payload={})
    assert await relay.run_round() == BATCH
    assert await relay.run_round() == 0
    assert len(await told()) == BATCH + 1


async def test_looks_pass_over_what_was_numbered_long_ago(
    db: Database, broker: Broker, put: Put, event_types: EventTypes
) -> None:
    clock = Clock()
    relay = Relay(db, broker, "promo", event_types, monotonic_s=clock)
    for one in range(4):
        await put("k", one)
        await relay.run_once()
    assert relay._floor.start(whole=False) >= 3
    assert relay._floor.start(whole=True) == 0
    clock.now_s += WHOLE_S
    await relay.run_once()
    assert relay._floor.start(whole=True) >= 3
    await relay.close()


def test_a_key_always_has_the_same_partition() -> None:
    assert partition_of("SERUM-30") == partition_of("SERUM-30")
    assert {partition_of(str(one)) for one in range(200)} == set(range(PARTITIONS))
