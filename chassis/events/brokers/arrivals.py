"""Received events that the reader has not taken yet: by partition, in order, with one batch per partition under way at a time.

Shared by the brokers that push events. It holds no more than its adapter requested from the broker.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TypeAlias

from chassis import telemetry
from chassis.events.broker import Batch, BrokerUnreachable
from chassis.events.event import Event, from_attributes

log = telemetry.logger()

Way: TypeAlias = tuple[str, int]
"""A source and one of its partitions."""


class Arrivals:
    """One reader's events. After `fail` it returns none: the events that it held are delivered again."""

    def __init__(self) -> None:
        self._waiting: dict[Way, deque[tuple[Event, object]]] = {}
        self._under_way: set[Way] = set()
        self._woken = asyncio.Event()
        self._broken: str | None = None

    def put(self, way: Way, event: Event, token: object = None) -> None:
        """Adds the next event of a partition; `token` acknowledges it and all events before it."""
        self._waiting.setdefault(way, deque()).append((event, token))
        self._woken.set()

    def wake(self) -> None:
        """Wakes the waiting reader."""
        self._woken.set()

    def fail(self, why: str) -> None:
        """Marks the broker as lost for this reader; the first reason stays."""
        self._broken = self._broken or why
        self._woken.set()

    def check(self) -> None:
        """Raises BrokerUnreachable after `fail`."""
        if self._broken is not None:
            raise BrokerUnreachable(self._broken)

    def holds(self, way: Way) -> bool:
        """Whether a partition has events waiting or under way: then no more need be requested."""
        return way in self._under_way or bool(self._waiting.get(way))

    def is_under_way(self, way: Way) -> bool:
        """Whether a batch of this partition is not handled yet."""
        return way in self._under_way

    def held_back(self) -> list[Way]:
        """Partitions with waiting events behind a batch that is under way."""
        return [way for way in self._under_way if self._waiting.get(way)]

    def take(self) -> Batch | None:
        """All waiting events of the partition whose turn it is, with the token of the last one."""
        self.check()
        way = next((way for way, events in self._waiting.items() if events and way not in self._under_way), None)
        if way is None:
            return None
        found = self._waiting.pop(way)  # it will be the last one when it comes back
        self._under_way.add(way)
        return Batch(*way, [event for event, _ in found], found[-1][1])

    def take_all(self) -> list[Event]:
        """All events, each partition in order, for readers that do not acknowledge."""
        self.check()
        events = [event for waiting in self._waiting.values() for event, _ in waiting]
        self._waiting.clear()
        return events

    def done(self, batch: Batch) -> None:
        """Frees the partition for its next batch."""
        self._under_way.discard((batch.source, batch.partition))

    def forget(self, way: Way) -> None:
        """Drops the events of a partition that another member reads now."""
        self._waiting.pop(way, None)
        self._under_way.discard(way)

    async def wait(self, within_s: float) -> None:
        """Returns when an event or a failure has arrived since the last call, or after `within_s`."""
        try:
            await asyncio.wait_for(self._woken.wait(), max(0.0, within_s))
        except TimeoutError:
            return
        finally:
            self._woken.clear()


def event_of(attributes: Mapping[str, str], data: bytes, where: str) -> Event | None:
    """The event; None for any other message, which must not stop those behind it."""
    try:
        return from_attributes(dict(attributes), data)
    except (KeyError, ValueError) as odd:
        log.warning("broker.no_event", where=where, error=repr(odd))
        return None
