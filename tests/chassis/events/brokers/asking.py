"""Tools for tests of brokers: events to publish, and functions that wait for a number of events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from chassis.events.broker import Batch, Broker, BrokerUnreachable, Publisher, Subscription, Tail
from chassis.events.event import Event

T = TypeVar("T")

ARRIVES_S = 20.0
"""By then a group has formed, and published events have arrived."""
QUIET_S = 0.3
"""Without an event for this long none is in flight on one machine."""


def event(source: str, position: int, key: str = "k", data: bytes | None = None) -> Event:
    """A small event with binary data."""
    payload = b"\x00\xff%d" % position if data is None else data
    return Event(f"{source}-{position}", source, "test.thing.happened", key, position, "2026-11-21T10:00:00Z", payload)


def events(source: str, count: int, first: int = 1, keys: int = 20) -> list[Event]:
    """Events in the order of the log, with keys of all partitions."""
    return [event(source, position, f"key-{position % keys}") for position in range(first, first + count)]


async def publish(broker: Broker, source: str, told: Sequence[Event]) -> None:
    """In slices, as a relay does."""
    publisher = await broker.publisher(source)
    await publisher.newest_position()
    for first in range(0, len(told), 50):
        await publisher.publish(told[first : first + 50])
    await publisher.close()


async def batches(subscription: Subscription, count: int) -> list[Batch]:
    """Batches until `count` events have arrived; each is acknowledged before the next one."""
    found: list[Batch] = []
    async with asyncio.timeout(ARRIVES_S):
        while sum(len(batch.events) for batch in found) < count:
            batch = await subscription.next(1.0)
            if batch is not None:
                found.append(batch)
                await subscription.ack(batch)
    return found


async def taken(subscription: Subscription, count: int) -> list[Event]:
    """Returns `count` events, acknowledged."""
    return [one for batch in await batches(subscription, count) for one in batch.events]


async def first_batch(subscription: Subscription) -> Batch:
    """The next batch, not acknowledged."""
    async with asyncio.timeout(ARRIVES_S):
        while (batch := await subscription.next(1.0)) is None:
            pass
    return batch


async def told(tail: Tail, count: int) -> list[Event]:
    """Returns `count` events of a tail."""
    found: list[Event] = []
    async with asyncio.timeout(ARRIVES_S):
        while len(found) < count:
            found += await tail.next(1.0)
    return found


async def when_it_is_back(call: Callable[[], Awaitable[T]]) -> T:
    """Repeats the call until the broker responds; returns its result."""
    async with asyncio.timeout(3 * ARRIVES_S):
        while True:
            try:
                return await call()
            except BrokerUnreachable:
                continue


async def publish_again(publisher: Publisher, sent: Sequence[Event]) -> None:
    """Repeats as a relay does: the same publisher, which reads the broker's position before it sends again."""
    await publisher.newest_position()
    await publisher.publish(sent)


def in_order(found: Sequence[Event]) -> bool:
    """Whether every partition's events are in the order of their positions."""
    ways: dict[int, list[int]] = {}
    for one in found:
        ways.setdefault(one.partition, []).append(one.position)
    return all(positions == sorted(positions) for positions in ways.values())
