"""A proxy may hide a restart of Redis: the connection stays, and the server behind it has forgotten which database it chose."""

from __future__ import annotations

import pytest

from chassis.events.broker import Broker, BrokerUnreachable
from chassis.events.brokers.redis_streams import StreamPublisher
from chassis.redis import Client
from tests import databases
from tests.chassis.events.test_trimming import events, read_all

OTHER_DATABASE = 15


async def test_a_publisher_recovers_although_one_of_its_connections_lost_its_database(
    broker: Broker, streams: Client, valkey_url: str
) -> None:
    databases.emptied(valkey_url, OTHER_DATABASE)
    publisher = StreamPublisher(streams, "promo")
    await publisher.publish(events()[:10])
    await publisher._wire.call("SELECT", OTHER_DATABASE)
    with pytest.raises(BrokerUnreachable, match="Redis has 0 as newest of promo where 10 was expected"):
        await publisher.publish(events()[10:20])
    assert await publisher.newest_position() == 10
    await publisher.publish(events()[10:20])
    assert await read_all(broker, "group") == 20
