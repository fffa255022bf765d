"""The server's protocols with what ASGI has no word for: the socket, ready-made frames, an end for those who do not read.

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
"""After the close frame was written: who has not read it by then is cut off."""


class PushProtocol(WebSocketsSansIOProtocol):
    """Where uvicorn closes a connection it waits until all is read, which may be for ever."""

    seat: Seat | None = None
    """Set when the connection becomes a WebSocket, by the protocol that had it before."""
    busy = True
    silent_since = None
    body_waits = False

    def abort(self) -> None:
        """Closes the socket now."""
        self.transport.abort()

    def check(self, now: float) -> None:
        """Nothing: pings end a connection that is not alive, `LINGER_S` one that does not read."""

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
        """One ASGI message."""
        if message["type"] == FRAME:
            if not message.get("last"):
                await self.writable.wait()
            if self.disconnected or self.close_sent or self.transport.is_closing():
                raise ClientDisconnected
            self.transport.write(message["frame"])
            return
        if message["type"] == "websocket.send":
            await self.writable.wait()
            if self.close_sent:  # meanwhile: uvicorn would call it a bug
                raise ClientDisconnected
        elif message["type"] == "websocket.close":
            self.writable.set()  # a few bytes more than the buffer should hold, then no others
            self._cut_off_later()
        await super().send(message)

    def keepalive_timeout(self) -> None:
        """The client does not answer pings."""
        super().keepalive_timeout()
        self._cut_off_later()

    def _cut_off_later(self) -> None:
        self.loop.call_later(LINGER_S, cut_off, self.transport)
