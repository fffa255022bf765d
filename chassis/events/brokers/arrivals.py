"""What a broker has brought and nobody has asked for yet: by partition, in order, one batch of each under way at a time.

Shared by the brokers that bring events by themselves. It holds no more than its adapter asked its broker for.
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
    """One reader's events. After `fail` it gives nothing any more: what it held comes again."""

    def __init__(self) -> None:
        self._waiting: dict[Way, deque[tuple[Event, object]]] = {}
        self._under_way: set[Way] = set()
        self._woken = asyncio.Event()
        self._broken: str | None = None

    def put(self, way: Way, event: Event, token: object = None) -> None:
        """The next event of a partition; `token` is what acknowledges it and all before it."""
        self._waiting.setdefault(way, deque()).append((event, token))
        self._woken.set()

    def wake(self) -> None:
        """Lets who waits look again."""
        self._woken.set()

    def fail(self, why: str) -> None:
        """The broker is gone for this reader; the first reason stays."""
        self._broken = self._broken or why
        self._woken.set()

    def check(self) -> None:
        """BrokerUnreachable when it has failed."""
        if self._broken is not None:
            raise BrokerUnreachable(self._broken)

    def holds(self, way: Way) -> bool:
        """Whether a partition has something waiting or under way: no more need be asked for."""
        return way in self._under_way or bool(self._waiting.get(way))

    def is_under_way(self, way: Way) -> bool:
        """Whether a batch of this partition is not done with."""
        return way in self._under_way

    def held_back(self) -> list[Way]:
        """Partitions of which more is here than may be given out."""
        return [way for way in self._under_way if self._waiting.get(way)]

    def take(self) -> Batch | None:
        """All that waits of the partition whose turn it is, with the token of its last event."""
        self.check()
        way = next((way for way, events in self._waiting.items() if events and way not in self._under_way), None)
        if way is None:
            return None
        found = self._waiting.pop(way)  # it will be the last one when it comes back
        self._under_way.add(way)
        return Batch(*way, [event for event, _ in found], found[-1][1])

    def take_all(self) -> list[Event]:
        """Everything, each partition in order, for who acknowledges nothing."""
        self.check()
        events = [event for waiting in self._waiting.values() for event, _ in waiting]
        self._waiting.clear()
        return events

    def done(self, batch: Batch) -> None:
        """The partition may have its next batch."""
        self._under_way.discard((batch.source, batch.partition))

    def forget(self, way: Way) -> None:
        """Drops what belongs to a partition that somebody else reads now."""
        self._waiting.pop(way, None)
        self._under_way.discard(way)

    async def wait(self, within_s: float) -> None:
        """Returns when something has arrived or failed since the last call, or after `within_s`."""
        try:
            await asyncio.wait_for(self._woken.wait(), max(0.0, within_s))
        except TimeoutError:
            return
        finally:
            self._woken.clear()


def event_of(attributes: Mapping[str, str], data: bytes, where: str) -> Event | None:
    """The event; None for a message that is none of ours, which must not stop those behind it."""
    try:
        return from_attributes(dict(attributes), data)
    except (KeyError, ValueError) as odd:
        log.warning("broker.no_event", where=where, error=repr(odd))
        return None
