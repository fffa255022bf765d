"""Composition root of the edge: settings, clients, application, server; closing is the reverse."""

from __future__ import annotations

import asyncio
import math
import socket
import sys

import uvloop

from chassis import config as chassis_config
from chassis import process, sockets, telemetry, watchdog, workers
from chassis.config import ConfigError
from chassis.events import connection
from edge import app, config
from edge.clients import Clients
from edge.config import Settings
from edge.front.limits import Limits
from edge.front.seats import Seats
from edge.front.server import BACKLOG, serving
from edge.push import services
from edge.push.hub import DRAINED_WITHIN_S, Hub

DRAIN_S = 8
"""Time for running requests after SIGTERM, below the ten seconds that supervisors usually grant."""

log = telemetry.logger()


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT, then lets running requests finish."""
    clients = Clients(settings)
    hub = Hub(connection.connect(settings.broker_url), services.logs(clients), services.event_types())
    application = app.create(settings, clients, hub)
    seats = Seats(Limits().within_open_files(), settings.trusted_proxies)
    drain_s = DRAIN_S - math.ceil(max(settings.lame_duck_s, DRAINED_WITHIN_S))
    server = serving(application, seats, drain_s)
    loop = asyncio.get_running_loop()
    draining: list[asyncio.Task[None]] = []

    async def drain() -> None:
        """Reports not ready, so that load balancers send requests elsewhere; then accepts no new connections."""
        application.state.draining = True
        watchdog.ready(False)
        await asyncio.gather(asyncio.sleep(settings.lame_duck_s), hub.drain())
        server.should_exit = True

    watchdog.on_stop(lambda: draining.append(loop.create_task(drain())))
    log.info("edge.listening", host=settings.host, port=settings.port)
    hub.start()
    seats.start()
    try:
        await server.serve(sockets=[listener])
    finally:
        await seats.close()
        await hub.close()
        await clients.close()


def main() -> None:
    """`python -m edge`."""
    try:
        telemetry.configure("edge")
        process.allow_many_connections()
        settings = config.from_environment()
        chassis_config.watchdog()
        workers.divide("edge", settings.address)
        listener = sockets.bound(settings.address)
        listener.listen(BACKLOG)
        process.show("edge")
    except ConfigError as wrong:
        sys.exit(f"edge: {wrong}")
    workers.end_with_supervisor()
    process.calm_collector()
    uvloop.run(watchdog.watched(serve(settings, listener)))


if __name__ == "__main__":
    main()
