"""The delivering parts under test control: no loops, a clock that the test moves, events made by hand."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis import ids
from chassis.db import Database
from chassis.events import event_modules
from chassis.events.broker import Batch
from chassis.events.consumer import Consumer
from chassis.events.event import Event, partition_of
from chassis.events.event_types import EventTypes
from chassis.requests import Request
from chassis.services import NAMES
from tests.webhook_svc import conftest
from webhook_svc.__main__ import Delivering, delivering
from webhook_svc.app.bodies import Bodies
from webhook_svc.app.intake import CONSUMER
from webhook_svc.clients.receiver import Lookup, Receiver, system_lookup
from webhook_svc.domain import signing
from webhook_svc.domain.delivery import Delivery
from webhook_svc.domain.endpoint import Endpoint, Wishes

TYPE = "inventory.stock_level.changed"
TYPES = EventTypes(event_modules.every())
MOST_CLAIMS = 1_000
"""Claims in one round: more means that a delivery is held for ever."""
_positions = itertools.count(1)


class Clock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        """The current time."""
        return self.at

    def move(self, **by: float) -> None:
        """Advances by `hours`, `seconds` and the like, named as in timedelta."""
        self.at += timedelta(**by)


def event(key: str = "SERUM-30", type_: str = TYPE, payload: dict[str, Any] | None = None) -> Event:
    """A new event of inventory."""
    position = next(_positions)
    data = TYPES.encode(type_, {"level": {"sku": key, "on_hand": position}} if payload is None else payload)
    source = type_.partition(".")[0]
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return Event(f"{source}-{position}", source, type_, key, position, now, data)


@dataclass
class Bench:
    """The parts, and short forms of their use."""

    parts: Delivering
    consumer: Consumer
    clock: Clock

    async def endpoint(self, url: str, *topics: str, **wishes: Any) -> tuple[Endpoint, str]:
        """A new endpoint and its secret."""
        asked = Wishes(url, topics or ("*",), **wishes)
        request, kept = Request(ids.new_id("test"), "CreateWebhookEndpoint", ""), list[Endpoint]()

        def answer(endpoint: Endpoint) -> bytes:
            kept.append(endpoint)
            return b""

        _, _, secret = await self.parts.endpoints.create(request, asked, answer)
        return kept[-1], secret

    async def happens(self, *events: Event) -> None:
        """The consumer takes these events; deliveries with a free slot are sent and recorded."""
        by_partition: dict[tuple[str, int], list[Event]] = {}
        for one in events:
            by_partition.setdefault((one.source, partition_of(one.key)), []).append(one)
        for (source, partition), batch in by_partition.items():
            await self.consumer.take(Batch(source, partition, batch))

    async def settled(self) -> None:
        """Waits until no delivery is in flight in this process."""
        await self.parts.dispatch.idle()

    async def round(self, **by: float) -> None:
        """Moves the clock, refreshes the directory, then sends and records all due deliveries."""
        await self.settled()
        self.clock.move(**by)
        for _ in range(MOST_CLAIMS):
            await self.settled()
            await self.parts.directory.refresh()
            await self.parts.claim.run_once()
            if not self.parts.dispatch.holds():
                return
        raise AssertionError(f"{self.parts.dispatch.holds()} deliveries are held and not sent")

    async def log(self, endpoint: Endpoint) -> list[Delivery]:
        """Its deliveries, oldest first."""
        page, _ = await self.parts.deliveries.page(endpoint.endpoint_id, None, 500, "")
        return page[::-1]

    async def now(self, endpoint: Endpoint) -> Endpoint:
        """The current version of the endpoint."""
        return await self.parts.endpoints.get(endpoint.endpoint_id)


@asynccontextmanager
async def bench(
    db: Database, clock: Clock, timeout_s: float = 5.0, lookup: Lookup = system_lookup, **settings_: Any
) -> AsyncIterator[Bench]:
    """One process's parts; several on one database are several processes."""
    settings = replace(conftest.settings_for(db.url, "", timeout_s), **settings_)
    receiver = Receiver(settings.allow_private, timeout_s, lookup)
    try:
        async with delivering(settings, db, Bodies(TYPES), receiver, clock) as parts:
            consumer = Consumer(db, None, CONSUMER, NAMES, (), parts.intake.handle)  # type: ignore[arg-type]
            yield Bench(parts, consumer, clock)
    finally:
        await receiver.close()


def expected(secrets: Sequence[str], endpoint: Endpoint, told: Event, body: bytes, at: datetime) -> str:
    """The correct signature header of such a delivery."""
    message_id = signing.webhook_id(endpoint.endpoint_id, told.id)
    return signing.signature_header([signing.key_of(one) for one in secrets], message_id, int(at.timestamp()), body)
