"""An edge in this process on a real port, with logs in memory and the recording far side behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from chassis.events.event import Event
from chassis.local import ports
from edge import app
from edge.clients import Clients
from edge.front.limits import Limits
from edge.front.seats import Network, Seats
from edge.front.server import serving as serving_front
from edge.push.hub import Hub
from tests.edge.conftest import settings_for
from tests.edge.far_side import FarSide
from tests.edge.push.world import TYPES, MemoryLog, known, pass_on

SOURCES = ("inventory", "order", "promo")


@dataclass
class Served:
    """A running edge: its URL, its hub, and the logs behind it."""

    url: str
    hub: Hub
    logs: dict[str, MemoryLog]
    application: FastAPI
    seats: Seats

    def watch(self, note: Callable[[Scope], None]) -> None:
        """Shows the scope of every request from now on, before it is served. At least one request must have been served."""
        serve = self.application.middleware_stack
        assert serve is not None

        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            note(scope)
            await serve(scope, receive, send)

        self.application.middleware_stack = noting

    async def happens(self, *events: Event) -> None:
        """Adds these events to their logs and has them passed on."""
        for event in events:
            self.logs[event.source].add(event)
        await pass_on(self.hub)


@asynccontextmanager
async def serving(
    far_side: FarSide, limits: Limits | None = None, trusted: Sequence[Network] = ()
) -> AsyncIterator[Served]:
    """Without a broker: events are passed on by `happens`, and by the hub's own polls."""
    settings = settings_for(far_side.address)
    clients = Clients(settings)
    logs = {source: MemoryLog() for source in SOURCES}
    hub = Hub(None, logs, TYPES)
    application = app.create(settings, clients, hub)
    port = ports.free()
    seats = Seats(limits or Limits(), trusted)
    server = serving_front(application, seats, drain_s=2, port=port)
    hub.start()
    seats.start()
    running = asyncio.create_task(server.serve())
    try:
        await known(hub)
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0)
        yield Served(f"http://127.0.0.1:{port}", hub, logs, application, seats)
    finally:
        await hub.drain()
        server.should_exit = True
        await running
        await seats.close()
        await hub.close()
        await clients.close()
