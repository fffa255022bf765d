"""An edge in this process on a real port, with logs in memory and the recording far side behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from chassis.events.event import Event
from chassis.local import ports
from edge import app
from edge.__main__ import MOST_MESSAGE_BYTES, Server
from edge.clients import Clients
from edge.push.hub import Hub
from edge.push.protocol import PushProtocol, SocketProtocol
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

    async def happens(self, *events: Event) -> None:
        """These events are in their logs and passed on."""
        for event in events:
            self.logs[event.source].add(event)
        await pass_on(self.hub)


@asynccontextmanager
async def serving(far_side: FarSide) -> AsyncIterator[Served]:
    """Without a broker: what happens is passed on by `happens`, and by the hub's own looks."""
    settings = settings_for(far_side.address)
    clients = Clients(settings)
    logs = {source: MemoryLog() for source in SOURCES}
    hub = Hub(None, logs, TYPES)
    application = app.create(settings, clients, hub)
    port = ports.free()
    config = uvicorn.Config(
        application,
        port=port,
        http=SocketProtocol,
        ws=PushProtocol,
        ws_max_size=MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = Server(config)
    hub.start()
    running = asyncio.create_task(server.serve())
    try:
        await known(hub)
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0)
        yield Served(f"http://127.0.0.1:{port}", hub, logs, application)
    finally:
        await hub.drain()
        server.should_exit = True
        await running
        await hub.close()
        await clients.close()
