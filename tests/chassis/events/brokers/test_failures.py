"""Brokers that are unavailable, were killed or refuse: no confirmed event is lost, and order per partition holds."""

from __future__ import annotations

import asyncio
import time

import pytest

from chassis.events import connection
from chassis.events.broker import Batch, Broker, BrokerUnreachable, Subscription
from chassis.events.event import PARTITIONS, Event, partition_of
from chassis.local import ports
from tests.brokers import Server
from tests.chassis.events.brokers.asking import (
    ARRIVES_S,
    event,
    events,
    first_batch,
    publish_again,
    told,
    when_it_is_back,
)

pytestmark = pytest.mark.broker

SETTLED_S = 1.0
"""RabbitMQ records the members of a new quorum queue within half a second; killed before that, it has lost the queue."""
TOO_LARGE = 2_000_000
SOON_S = 12.0
"""An unavailable broker is reported within this time."""
GONE = {
    "redis": "redis://127.0.0.1:{port}/0",
    "kafka": "kafka://127.0.0.1:{port}",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:{port}/",
    "nats": "nats://127.0.0.1:{port}",
}


async def test_a_broker_that_is_not_there_is_told_of_soon(name: str) -> None:
    absent = connection.connect(GONE[name].format(port=ports.free()))
    publisher = await absent.publisher("nobody")
    began = time.monotonic()
    with pytest.raises(BrokerUnreachable):
        await publisher.publish([event("nobody", 1)])
    with pytest.raises(BrokerUnreachable):
        await absent.subscribe("nobody", ["nobody"])
    with pytest.raises(BrokerUnreachable):
        await absent.tail(["nobody"])
    assert time.monotonic() - began < SOON_S
    await publisher.close()
    await absent.close()


async def test_a_broker_that_was_killed_has_what_it_confirmed_and_all_go_on(
    broker: Broker, server: Server, source: str, group: str
) -> None:
    subscription = await broker.subscribe(group, [source])
    tail = await broker.tail([source])
    assert await subscription.next(SETTLED_S) is None
    publisher = await broker.publisher(source)
    await publisher.newest_position()
    await publisher.publish(events(source, 50))
    server.kill()
    try:
        with pytest.raises(BrokerUnreachable):
            await publisher.publish(events(source, 1, 51))
        with pytest.raises(BrokerUnreachable):
            async with asyncio.timeout(ARRIVES_S):
                while True:
                    await first_batch(subscription)
        with pytest.raises(BrokerUnreachable):
            async with asyncio.timeout(ARRIVES_S):
                while True:
                    await tail.next(1.0)
        await subscription.close()
        await tail.close()
    finally:
        server.start()
    again = await when_it_is_back(lambda: broker.subscribe(group, [source]))
    fresh_tail = await when_it_is_back(lambda: broker.tail([source]))
    await when_it_is_back(lambda: publish_again(publisher, events(source, 10, 51)))
    found = {one.position: one for one in await told(fresh_tail, 10)}
    assert set(found) <= set(range(51, 61))
    seen: dict[int, Event] = {}
    async with asyncio.timeout(ARRIVES_S):
        while len(seen) < 60:
            batch = await first_batch(again)
            seen |= {one.position: one for one in batch.events}
            await again.ack(batch)
    assert sorted(seen) == list(range(1, 61))
    await publisher.close()
    await again.close()
    await fresh_tail.close()


async def test_what_a_broker_refuses_leaves_no_gap_before_what_it_takes(
    broker: Broker, source: str, group: str
) -> None:
    """Some brokers accept two megabytes and some do not; after a refused event nothing more of its partition may arrive."""
    subscription = await broker.subscribe(group, [source])
    large = [event(source, 21, "key-1", bytes(TOO_LARGE))]
    sent = [*events(source, 20), *large, *events(source, 20, 22)]
    publisher = await broker.publisher(source)
    await publisher.newest_position()
    try:
        await publisher.publish(sent)
    except BrokerUnreachable:
        await publish_again(publisher, [event(source, 100, f"key-{number}") for number in range(20)])
        sent = [one for one in sent if one.position != 21]
    found = await _until_quiet(subscription)
    for partition in range(PARTITIONS):
        came = [one.position for one in found if one.partition == partition and one.position != 100]
        assert came == [one.position for one in sent if one.partition == partition][: len(came)]
        assert partition != partition_of("key-1") or 21 in came or max(came, default=0) < 21
    await publisher.close()
    await subscription.close()


async def _until_quiet(subscription: Subscription) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(2 * ARRIVES_S):
        batch: Batch | None = await first_batch(subscription)
        while batch is not None:
            found += batch.events
            await subscription.ack(batch)
            batch = await subscription.next(SETTLED_S)
    return found


async def test_the_newest_position_is_told_where_it_can_be(broker: Broker, source: str, name: str) -> None:
    tells = {"redis": True, "nats": True, "kafka": False, "rabbitmq": False}[name]
    publisher = await broker.publisher(source)
    assert await publisher.newest_position() == (0 if tells else None)
    await publisher.publish(events(source, 30))
    assert await publisher.newest_position() == (30 if tells else None)
    await publisher.maintain()
    other = await broker.publisher(source)
    assert await other.newest_position() == (30 if tells else None)
    await other.publish(events(source, 5, 31))
    if tells:  # the first one has been superseded, like a leader that was paused
        with pytest.raises(BrokerUnreachable):
            await publisher.publish([event(source, 40)])
        assert await publisher.newest_position() == 35
    await publisher.publish([event(source, 41)])
    for one in (publisher, other):
        await one.close()
