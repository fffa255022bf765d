"""The edge's server: uvicorn with the protocols of `front` and `push`, and without its signal handlers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from edge.front.protocol import with_seats
from edge.front.seats import Seats
from edge.push.protocol import PushProtocol

BACKLOG = 4096
"""A burst of customers connects within one second; refused connections would look like an outage."""
MOST_MESSAGE_BYTES = 128 * 1024
"""Of a WebSocket client's message: 500 skus and 500 orders of maximum length fit."""


class Server(uvicorn.Server):
    """uvicorn without its signal handlers, which kill the process before clients are closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the process."""
        yield


def serving(application: ASGIApp, seats: Seats, drain_s: int, port: int = 8000) -> Server:
    """A server that has not started. `port` is for tests: a process passes its own socket to `serve`."""
    return Server(
        uvicorn.Config(
            application,
            port=port,
            http=with_seats(seats),
            ws=PushProtocol,
            ws_max_size=MOST_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            backlog=BACKLOG,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=drain_s,
        )
    )
