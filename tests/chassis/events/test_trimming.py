"""Redis Streams drop only entries that every group has read, also if the server was emptied meanwhile."""

from __future__ import annotations

from chassis.events.broker import Broker
from chassis.events.brokers.redis_streams import StreamPublisher
from chassis.events.event import Event
from chassis.redis import Client
from tests.chassis.events.conftest import TYPE

EVENTS = 1_000
SLICE = 100


def events() -> list[Event]:
    time = "2026-11-21T10:00:00Z"
    return [Event(f"promo-{number}", "promo", TYPE, "k", number, time, b"") for number in range(1, EVENTS + 1)]


async def read_all(broker: Broker, group: str) -> int:
    subscription, found = await broker.subscribe(group, ["promo"]), 0
    while (batch := await subscription.next(0.05)) is not None:
        found += len(batch.events)
        await subscription.ack(batch)
    await subscription.close()
    return found


async def test_what_a_group_has_not_read_since_the_server_was_emptied_is_kept_for_it(
    broker: Broker, streams: Client
) -> None:
    publisher = StreamPublisher(streams, "promo", kept_ms=0)
    for group in ("slow", "quick"):
        await (await broker.subscribe(group, ["promo"])).close()
    await publisher.publish(events()[:1])
    await publisher.maintain()
    await streams.flushdb()
    assert await publisher.newest_position() == 0
    for first in range(0, EVENTS, SLICE):
        await publisher.publish(events()[first : first + SLICE])
    assert await read_all(broker, "quick") == EVENTS
    await publisher.maintain()
    assert await read_all(broker, "slow") == EVENTS
    await publisher.maintain()
    assert await _kept(streams) < EVENTS
    await publisher.close()


async def test_a_relay_that_has_just_begun_waits_for_groups_that_it_does_not_know(
    broker: Broker, streams: Client
) -> None:
    publisher = await broker.publisher("promo")
    for first in range(0, EVENTS, SLICE):
        await publisher.publish(events()[first : first + SLICE])
    assert await read_all(broker, "quick") == EVENTS
    await publisher.maintain()
    assert await _kept(streams) == EVENTS
    assert await read_all(broker, "slow") == EVENTS
    await publisher.close()


async def _kept(streams: Client) -> int:
    return sum([await streams.xlen(f"events:promo:{number}") for number in range(8)])
