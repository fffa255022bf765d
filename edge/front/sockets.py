"""What an application may know of its connection's socket, and how it ends one that is not read."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

TRANSPORT = "edge.transport"
"""Scope key, of HTTP and WebSocket: the asyncio transport of the connection."""
DROPPED = struct.pack("ii", 1, 0)
"""SO_LINGER on, with no time: the close is a reset."""


def cut_off(transport: asyncio.WriteTransport) -> None:
    """Closes the socket now. The system drops what it holds, which it would else keep for a client that may never read."""
    with suppress(OSError):  # it is closed
        found = transport.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DROPPED)
    transport.abort()
