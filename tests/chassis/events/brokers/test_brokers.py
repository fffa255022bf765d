"""The product's requirements for a broker, tested with each: Redis Streams, Kafka, RabbitMQ, NATS.

Servers are real, except for Kafka: its stand-in is the cluster with which its client library tests itself. Brokers that
are not installed are skipped, which the summary of the test run shows.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence

import pytest

from chassis.db import Database, Tx
from chassis.events.broker import Broker
from chassis.events.consumer import Consumer
from chassis.events.event import JSON, PARTITIONS, PROTOBUF, ContentType, Event, partition_of
from chassis.events.event_types import EventTypes
from chassis.events.relay import Relay
from tests.chassis.events.brokers.asking import (
    ARRIVES_S,
    QUIET_S,
    batches,
    event,
    events,
    first_batch,
    in_order,
    publish,
    taken,
    told,
)
from tests.chassis.events.conftest import TYPE, Put

pytestmark = pytest.mark.broker


async def test_everything_published_arrives_in_order_per_key(broker: Broker, source: str, group: str) -> None:
    subscription = await broker.subscribe(group, [source])
    sent = events(source, 500)
    await publish(broker, source, sent)
    found = await taken(subscription, 500)
    assert in_order(found)
    assert sorted(found, key=lambda one: one.position) == sent
    assert await subscription.next(QUIET_S) is None
    await subscription.close()


async def test_a_batch_belongs_to_one_partition_of_one_source(
    broker: Broker, new_source: Callable[[], str], group: str
) -> None:
    sources = [new_source(), new_source()]
    subscription = await broker.subscribe(group, sources)
    for source in sources:
        await publish(broker, source, events(source, 100))
    found = await batches(subscription, 200)
    for batch in found:
        assert {(one.source, one.partition) for one in batch.events} == {(batch.source, batch.partition)}
    assert {(batch.source, batch.partition) for batch in found} == {
        (source, partition) for source in sources for partition in range(PARTITIONS)
    }
    await subscription.close()


async def test_a_partition_has_one_batch_under_way(broker: Broker, source: str, group: str) -> None:
    subscription = await broker.subscribe(group, [source])
    await publish(broker, source, [event(source, 1)])
    first = await first_batch(subscription)
    await publish(broker, source, [event(source, 2), event(source, 3, "another key")])
    assert partition_of("k") != partition_of("another key")
    assert [one.position for one in (await first_batch(subscription)).events] == [3]
    assert await subscription.next(QUIET_S) is None
    await subscription.ack(first)
    assert [one.position for one in (await first_batch(subscription)).events] == [2]
    await subscription.close()


async def test_attributes_and_data_survive_byte_for_byte(broker: Broker, source: str, group: str) -> None:
    subscription = await broker.subscribe(group, [source])
    sent = [
        event(source, 1, "käse/smørrebrød 東京 🍣", b""),
        event(source, 2, 'with space, "quotes", 100% and a\ttab\r\nand a line', bytes(range(256))),
        event(source, 3, "", secrets.token_bytes(100_000)),
        event(source, 4, "json", '{"größe": 1}'.encode())._replace(content_type=JSON),
    ]
    await publish(broker, source, sent)
    found = await taken(subscription, 4)
    assert sorted(found, key=lambda one: one.position) == sent
    await subscription.close()


async def test_what_is_acknowledged_does_not_come_again_after_a_restart_of_the_client(
    broker: Broker, source: str, group: str
) -> None:
    subscription = await broker.subscribe(group, [source])
    await publish(broker, source, events(source, 50))
    await taken(subscription, 50)
    await subscription.close()
    await publish(broker, source, events(source, 30, 51))
    again = await broker.subscribe(group, [source])
    found = await taken(again, 30)
    assert sorted(one.position for one in found) == list(range(51, 81))
    assert in_order(found)
    assert await again.next(QUIET_S) is None
    await again.close()


async def test_what_a_member_left_undone_comes_to_the_next_before_what_is_new(
    broker: Broker, source: str, group: str
) -> None:
    dead = await broker.subscribe(group, [source])
    await publish(broker, source, [event(source, position) for position in range(1, 11)])
    assert (await first_batch(dead)).events[0].position == 1
    await dead.close()
    await publish(broker, source, [event(source, position) for position in range(11, 21)])
    other = await broker.subscribe(group, [source])
    assert [one.position for one in await taken(other, 20)] == list(range(1, 21))
    await other.close()


async def test_a_member_that_joins_while_another_has_a_batch_gets_what_that_one_leaves(
    broker: Broker, source: str, group: str
) -> None:
    one = await broker.subscribe(group, [source])
    await publish(broker, source, events(source, 40))
    left = await first_batch(one)
    other = await broker.subscribe(group, [source])
    assert len(left.events) > 0
    await one.close()
    seen: set[int] = set()
    async with asyncio.timeout(ARRIVES_S):
        while len(seen) < 40:
            batch = await first_batch(other)
            seen |= {each.position for each in batch.events}
            await other.ack(batch)
    assert seen == set(range(1, 41))
    await other.close()


async def test_two_groups_each_get_everything(broker: Broker, source: str, group: str) -> None:
    one, other = [await broker.subscribe(f"{group}-{which}", [source]) for which in ("one", "other")]
    sent = events(source, 60)
    await publish(broker, source, sent)
    for subscription in (one, other):
        assert sorted(await taken(subscription, 60), key=lambda each: each.position) == sent
        await subscription.close()


async def test_a_tail_gets_what_is_published_after_it_was_opened_from_every_partition(
    broker: Broker, source: str
) -> None:
    await publish(broker, source, events(source, 40))
    one = await broker.tail([source])
    assert list(await one.next(QUIET_S)) == []
    await publish(broker, source, events(source, 400, 41))
    other = await broker.tail([source])
    await publish(broker, source, events(source, 40, 441))
    found = await told(one, 440)
    assert sorted(each.position for each in found) == list(range(41, 481))
    assert {each.partition for each in found} == set(range(PARTITIONS))
    assert in_order(found)
    assert sorted(each.position for each in await told(other, 40)) == list(range(441, 481))
    for tail in (one, other):
        assert list(await tail.next(QUIET_S)) == []
        await tail.close()


async def test_a_repeat_is_no_failure(broker: Broker, source: str, group: str) -> None:
    """After a publish of unknown outcome the relay repeats events that the broker may have."""
    subscription = await broker.subscribe(group, [source])
    await publish(broker, source, events(source, 20))
    publisher = await broker.publisher(source)
    await publisher.newest_position()
    await publisher.publish(events(source, 30, 11))
    await publisher.publish(events(source, 10, 41))
    await publisher.close()
    seen: set[int] = set()
    async with asyncio.timeout(ARRIVES_S):
        while len(seen) < 50:
            batch = await first_batch(subscription)
            seen |= {one.position for one in batch.events}
            await subscription.ack(batch)
    assert seen == set(range(1, 51))
    await subscription.close()


async def test_next_returns_in_time_when_nothing_comes(broker: Broker, source: str, group: str) -> None:
    subscription = await broker.subscribe(group, [source])
    tail = await broker.tail([source])
    began = time.monotonic()
    assert await subscription.next(0.2) is None
    assert list(await tail.next(0.2)) == []
    assert time.monotonic() - began < 2.0
    await subscription.close()
    await tail.close()


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
async def test_an_outbox_has_each_effect_once_over_every_broker(
    db: Database, broker: Broker, source: str, group: str, put: Put, event_types: EventTypes, content_type: ContentType
) -> None:
    effects: list[tuple[str, int]] = []

    async def handle(tx: Tx, found: Sequence[Event]) -> None:
        assert {one.content_type for one in found} == {content_type}
        effects.extend((one.key, int(event_types.message(one).redemption.redemption_id)) for one in found)

    consumer = Consumer(db, broker, group, [source], [TYPE], handle)
    relay = Relay(db, broker, source, event_types, content_type)
    assert await consumer.run_once() == 0
    tail = await broker.tail([source])
    for number in range(60):
        await put(f"key-{number % 7}", number)
    assert await relay.run_once() == 60
    again = await told(tail, 60)
    publisher = await broker.publisher(source)
    await publisher.newest_position()
    await publisher.publish(sorted(again, key=lambda one: one.position))
    async with asyncio.timeout(ARRIVES_S):
        while len(effects) < 60 or await consumer.run_once():
            await consumer.run_once()
    for key in {key for key, _ in effects}:
        assert [number for name, number in effects if name == key] == [n for n in range(60) if f"key-{n % 7}" == key]
    await consumer.close()
    await relay.close()
    await publisher.close()
    await tail.close()
