"""Events invented for tests, a log that stores them as a service would, and a client of a hub that needs no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from grpc import StatusCode

from chassis.errors import ServiceError
from chassis.events.event import Event
from edge.push import resume_token, services
from edge.push.catch_up import CatchUp
from edge.push.filters import Filter
from edge.push.hub import Hub
from edge.push.pushed import Pushed
from edge.push.ring import Ring
from edge.push.services import Forgotten, Page
from edge.push.subscriber import Control, Subscriber
from gen.inventory.v1.events_pb2 import StockLevelChanged
from gen.inventory.v1.stock_pb2 import StockLevel

WITHIN_S = 10.0
TYPES = services.event_types()


def stock(position: int, sku: str = "A", version: int = 0, location: str = "berlin", id_: str = "") -> Event:
    """A level that changed."""
    level = StockLevel(sku=sku, location=location, on_hand=position, version=version or position)
    data = StockLevelChanged(level=level, cause="RECEIVE").SerializeToString()
    at = "2026-11-20T10:00:00.000000Z"
    return Event(id_ or f"inventory-{position}", "inventory", "inventory.stock_level.changed", sku, position, at, data)


def named(type_: str, source: str, key: str, position: int) -> Event:
    """An event of another type, with an empty message."""
    return Event(f"{source}-{position}", source, type_, key, position, "2026-11-20T10:00:00.000000Z", b"")


class MemoryLog:
    """One source's log: `events` by position; `newest` is higher if the last positions are empty."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.events = {event.position: event for event in events}
        self.newest = max(self.events, default=0)
        self.oldest = 1
        self.down = False
        self.asked = 0

    def add(self, *events: Event) -> None:
        """Appends events."""
        self.events |= {event.position: event for event in events}
        self.newest = max(self.newest, *self.events)

    async def read(self, after: int, most: int) -> Page:
        self.asked += 1
        if self.down:
            raise ServiceError(StatusCode.UNAVAILABLE, "UNAVAILABLE", "down")
        if after + 1 < self.oldest:
            raise Forgotten(self.oldest)
        places = sorted(place for place in self.events if place > after)[:most]
        position = places[-1] if places else max(after, self.newest)
        return Page([self.events[place] for place in places], position, self.newest)


class Client:
    """Takes messages from a hub and records positions and tokens."""

    def __init__(self, hub: Hub, wanted: Filter | None = None, token: str = "") -> None:
        self.hub = hub
        floors = resume_token.decode(token) if token else None
        self.subscriber = Subscriber("websocket", wanted or Filter(), floors=floors)
        self.events: list[Pushed] = []
        self.tokens: list[str] = []
        self.controls: list[Control] = []
        self._resumes = bool(token)

    async def arrive(self) -> None:
        """Connects, with its token or from now on."""
        self.hub.enter(self.subscriber)
        if self._resumes:
            await CatchUp(self.hub, self.subscriber).run()
        else:
            self.hub.join(self.subscriber)

    async def until(self, position: int) -> None:
        """Takes messages until an event of this position has arrived."""
        async with asyncio.timeout(WITHIN_S):
            while not self.events or self.events[-1].event.position < position:
                await self.once()

    async def once(self) -> None:
        """Takes one message."""
        batch = await self.subscriber.take()
        if isinstance(batch, Control):
            self.controls.append(batch)
            return
        self.events += batch
        self.tokens += [self.subscriber.token(pushed) for pushed in batch]

    @property
    def positions(self) -> list[int]:
        """Positions of its events."""
        return [pushed.event.position for pushed in self.events]


async def known(hub: Hub) -> None:
    """Returns when the hub knows the newest position of every log."""
    assert await hub.unknown(hub.feeds, WITHIN_S) == []


@contextmanager
def hub_of(*events: Event, ring_events: int = 1_000) -> Iterator[tuple[Hub, MemoryLog]]:
    """A hub without a broker that was not started: `pass_on` drives it."""
    log = MemoryLog(events)
    yield Hub(None, {"inventory": log}, TYPES, Ring(ring_events)), log


async def pass_on(hub: Hub) -> None:
    """Makes the hub read its logs now."""
    for feed in hub.feeds.values():
        await feed.run_once()
        feed.known.set()
