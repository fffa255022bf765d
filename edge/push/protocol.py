"""The server's WebSocket protocol with extensions of ASGI: the socket, ready-made frames, an end for clients that stall.

`websocket.frame` writes the bytes as they are; with `last` it does not wait for a slow reader.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from edge.front.seats import Seat
from edge.front.sockets import TRANSPORT, cut_off

FRAME = "websocket.frame"
LINGER_S = 5.0
"""Time after the close frame was written; a client that has not read it by then is cut off."""


class PushProtocol(WebSocketsSansIOProtocol):
    """Limits the time of a close: uvicorn waits until the client has read everything, perhaps for ever."""

    seat: Seat | None = None
    """Set by the HTTP protocol when the connection becomes a WebSocket."""
    busy = True
    silent_since = None
    body_waits = False

    def abort(self) -> None:
        """Closes the socket now."""
        self.transport.abort()

    def check(self, now: float) -> None:
        """Does nothing: pings end a dead connection, and `LINGER_S` ends one whose client does not read."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Gives the seat back."""
        super().connection_lost(exc)
        if self.seat is not None:
            self.seat.leave()

    async def run_asgi(self) -> None:
        """Serves the connection."""
        self.scope[TRANSPORT] = self.transport  # type: ignore[literal-required]
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """Sends one ASGI message."""
        if message["type"] == FRAME:
            if not message.get("last"):
                await self.writable.wait()
            if self.disconnected or self.close_sent or self.transport.is_closing():
                raise ClientDisconnected
            self.transport.write(message["frame"])
            return
        if message["type"] == "websocket.send":
            await self.writable.wait()
            if self.close_sent:  # closed while waiting: uvicorn would report a bug
                raise ClientDisconnected
        elif message["type"] == "websocket.close":
            self.writable.set()  # the last few bytes may exceed the buffer's limit
            self._cut_off_later()
        await super().send(message)

    def keepalive_timeout(self) -> None:
        """Closes the connection of a client that does not respond to pings."""
        super().keepalive_timeout()
        self._cut_off_later()

    def _cut_off_later(self) -> None:
        self.loop.call_later(LINGER_S, cut_off, self.transport)
