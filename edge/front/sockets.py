"""The socket of a connection, for applications: its transport, and its reset when the client does not read."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

TRANSPORT = "edge.transport"
"""Scope key, of HTTP and WebSocket: the asyncio transport of the connection."""
DROPPED = struct.pack("ii", 1, 0)
"""SO_LINGER with a timeout of zero: the close is a reset."""


def cut_off(transport: asyncio.WriteTransport) -> None:
    """Closes the socket now. The kernel drops its buffer, which it would keep for a client that may never read."""
    with suppress(OSError):  # already closed
        found = transport.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DROPPED)
    transport.abort()
