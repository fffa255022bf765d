"""The server's protocols with what ASGI has no word for: the socket, ready-made frames, an end for those who do not read.

`websocket.frame` writes the bytes as they are; with `last` it does not wait for a slow reader.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

FRAME = "websocket.frame"
TRANSPORT = "edge.transport"
"""Scope key, of HTTP and WebSocket: the asyncio transport of the connection."""
DROPPED = struct.pack("ii", 1, 0)
"""SO_LINGER on, with no time: the close is a reset."""
LINGER_S = 5.0
"""After the close frame was written: who has not read it by then is cut off."""


def cut_off(transport: asyncio.WriteTransport) -> None:
    """Closes the socket now. The system drops what it holds, which it would else keep for a client that may never read."""
    with suppress(OSError):  # it is closed
        found = transport.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DROPPED)
    transport.abort()


class SocketProtocol(HttpToolsProtocol):
    """HTTP whose application can see what its socket holds, and cut it off: where uvicorn closes, it waits for the reader."""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope[TRANSPORT] = self.transport  # type: ignore[literal-required]


class PushProtocol(WebSocketsSansIOProtocol):
    """Where uvicorn closes a connection it waits until all is read, which may be for ever."""

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
