"""What the house asks of a broker, asked of each: Redis Streams, Kafka, RabbitMQ, NATS.

Servers are real, but for Kafka's: there it is the cluster that its client library tests itself with. A broker that is not
installed is not tested, which the summary of the test run says.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import pytest

from chassis.events import broker as brokers
from chassis.events.broker import Batch, Broker, BrokerUnreachable, Publisher, Subscription, Tail
from chassis.events.event import JSON, PARTITIONS, Event, partition_of
from chassis.local import ports
from tests import brokers as servers
from tests.brokers import Server

T = TypeVar("T")
pytestmark = pytest.mark.broker

ARRIVES_S = 20.0
"""By then a group has formed, and what was published has come."""
QUIET_S = 0.3
"""Nothing has come for so long: then nothing is on its way on one machine."""
SETTLED_S = 1.0
"""RabbitMQ writes down within half a second where a new quorum queue is kept; killed before that, it has lost the queue."""
SOON_S = 12.0
"""A broker that is not there is told of by then."""
GONE = {
    "redis": "redis://127.0.0.1:{port}/0",
    "kafka": "kafka://127.0.0.1:{port}",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:{port}/",
    "nats": "nats://127.0.0.1:{port}",
}


@pytest.fixture(scope="module", params=servers.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Which broker."""
    found = str(request.param)
    why = servers.missing(found)
    if why:
        pytest.skip(why)
    return found


@pytest.fixture(scope="module")
def server(name: str) -> Iterator[Server]:
    """One for all tests of this module; each test has a source of its own there."""
    with servers.running(name) as one:
        yield one


@pytest.fixture
async def broker(server: Server) -> AsyncIterator[Broker]:
    """A connection to it."""
    one = brokers.connect(server.url)
    yield one
    await one.close()


@pytest.fixture
def new_source(server: Server) -> Callable[[], str]:
    """Sources that nobody else has."""

    def make() -> str:
        source = f"source-{secrets.token_hex(4)}"
        server.make_source(source)
        return source

    return make


@pytest.fixture
def source(new_source: Callable[[], str]) -> str:
    """One of them."""
    return new_source()


@pytest.fixture
def group() -> str:
    """A group that nobody else has."""
    return f"group-{secrets.token_hex(4)}"


def event(source: str, position: int, key: str = "k", data: bytes | None = None) -> Event:
    """A small one with binary data."""
    payload = b"\x00\xff%d" % position if data is None else data
    return Event(f"{source}-{position}", source, "test.thing.happened", key, position, "2026-11-21T10:00:00Z", payload)


def events(source: str, count: int, first: int = 1, keys: int = 20) -> list[Event]:
    """In the order of the log, with keys of all partitions."""
    return [event(source, position, f"key-{position % keys}") for position in range(first, first + count)]


async def publish(broker: Broker, source: str, told: Sequence[Event]) -> None:
    """In slices, as a relay does."""
    publisher = await broker.publisher(source)
    await publisher.newest_position()
    for first in range(0, len(told), 50):
        await publisher.publish(told[first : first + 50])
    await publisher.close()


async def batches(subscription: Subscription, count: int) -> list[Batch]:
    """Batches until so many events have come; each is acknowledged before the next one."""
    found: list[Batch] = []
    async with asyncio.timeout(ARRIVES_S):
        while sum(len(batch.events) for batch in found) < count:
            batch = await subscription.next(1.0)
            if batch is not None:
                found.append(batch)
                await subscription.ack(batch)
    return found


async def taken(subscription: Subscription, count: int) -> list[Event]:
    """So many events, acknowledged."""
    return [one for batch in await batches(subscription, count) for one in batch.events]


async def first_batch(subscription: Subscription) -> Batch:
    """The next batch, not acknowledged."""
    async with asyncio.timeout(ARRIVES_S):
        while (batch := await subscription.next(1.0)) is None:
            pass
    return batch


async def told(tail: Tail, count: int) -> list[Event]:
    """So many events of a tail."""
    found: list[Event] = []
    async with asyncio.timeout(ARRIVES_S):
        while len(found) < count:
            found += await tail.next(1.0)
    return found


async def when_it_is_back(call: Callable[[], Awaitable[T]]) -> T:
    """What the call answers as soon as the broker does."""
    async with asyncio.timeout(3 * ARRIVES_S):
        while True:
            try:
                return await call()
            except BrokerUnreachable:
                continue


async def publish_again(publisher: Publisher, sent: Sequence[Event]) -> None:
    """As a relay does: the same publisher, asked where the broker stands before it sends again."""
    await publisher.newest_position()
    await publisher.publish(sent)


def in_order(found: Sequence[Event]) -> bool:
    """Whether every partition's events are in the order of their positions."""
    ways: dict[int, list[int]] = {}
    for one in found:
        ways.setdefault(one.partition, []).append(one.position)
    return all(positions == sorted(positions) for positions in ways.values())


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
    """After a publish of unknown outcome the relay sends again what the broker may have."""
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


async def test_a_broker_that_is_not_there_is_told_of_soon(name: str) -> None:
    absent = brokers.connect(GONE[name].format(port=ports.free()))
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
