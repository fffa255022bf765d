"""Features of single brokers: a stream of NATS that was lost, and a tail of RabbitMQ that fell behind."""

from __future__ import annotations

import asyncio

import pytest

from chassis.events.broker import Broker, BrokerUnreachable
from tests.brokers import Server
from tests.chassis.events.brokers.asking import ARRIVES_S, events, publish, taken

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("name", ["nats"], indirect=True)
async def test_a_stream_that_was_lost_is_made_again_and_the_relay_is_told(
    broker: Broker, server: Server, source: str, group: str
) -> None:
    import nats

    publisher = await broker.publisher(source)
    await publisher.publish(events(source, 20))
    assert await publisher.newest_position() == 20
    client = await nats.connect(server.url)
    await client.jetstream().delete_stream(f"EVENTS_{source}")
    await client.close()
    with pytest.raises(BrokerUnreachable):
        await publisher.publish(events(source, 5, 21))
    assert await publisher.newest_position() == 0
    await publisher.publish(events(source, 25))
    assert await publisher.newest_position() == 25
    subscription = await broker.subscribe(group, [source])
    assert sorted(one.position for one in await taken(subscription, 25)) == list(range(1, 26))
    await subscription.close()
    await publisher.close()


@pytest.mark.parametrize("name", ["rabbitmq"], indirect=True)
async def test_a_tail_that_fell_too_far_behind_is_told_so(
    broker: Broker, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.events.brokers.rabbitmq.MOST_BEHIND", 1_100)
    tail = await broker.tail([source])
    await publish(broker, source, events(source, 400))
    with pytest.raises(BrokerUnreachable, match="too far behind"):
        async with asyncio.timeout(ARRIVES_S):
            while True:
                await tail.next(1.0)
    await tail.close()
