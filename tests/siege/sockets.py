"""Attacks that hold sockets: half requests, huge headers, WebSockets with one ticket, readers that never read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from tests.siege.target import Target

OPEN_PER_S = 1_000
REOPEN_PER_S = 200
"""New sockets per second once all have been open and the edge closes some: these attacks hold sockets, they do not flood."""
PACE_S = 0.02
CHUNK = b"a" * 65_536
HEADER_BYTES = 50 * 1024 * 1024
SMALL_BUFFER_BYTES = 4_096
WEBHOOK = b"POST /v1/webhooks/sandbox HTTP/1.1\r\nHost: edge\r\nContent-Length: 60000\r\n\r\n{"
SLOW_HEADER = b"GET /healthz HTTP/1.1\r\nHost: edge\r\nX-Slow: "
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Holder(asyncio.Protocol):
    """Sends its bytes and waits; reconnects when the edge closes the connection."""

    def __init__(self, words: bytes, lost: Callable[[Holder], None], reads: bool) -> None:
        self._words = words
        self._lost = lost
        self._reads = reads

    def connection_made(self, transport: Any) -> None:
        """Sends the bytes."""
        if not self._reads:
            taken: socket.socket = transport.get_extra_info("socket")
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        transport.write(self._words)
        if not self._reads:
            transport.pause_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """Reconnects at the attacker's rate."""
        self._lost(self)


async def held(target: Target, number: int, words: bytes, reads: bool = True) -> AsyncIterator[int]:
    """Keeps `number` sockets open for ever; yields how many are open, first when all have been opened once."""
    loop = asyncio.get_running_loop()
    open_: set[Holder] = set()
    opened = 0
    while True:
        began = loop.time()
        pace = OPEN_PER_S if opened < number else REOPEN_PER_S
        for _ in range(min(number - len(open_), int(pace * PACE_S))):
            with suppress(OSError):
                _, holder = await loop.create_connection(
                    lambda: Holder(words, open_.discard, reads), target.host, target.port
                )
                open_.add(holder)
            opened += 1
        if opened >= number:
            yield len(open_)
        await asyncio.sleep(max(0.0, began + PACE_S - loop.time()))


async def half_bodies(target: Target) -> AsyncIterator[int]:
    """5,000 webhooks of which one byte of the body was sent."""
    async for now in held(target, target.number(5_000), WEBHOOK):
        yield now


async def slow_headers(target: Target) -> AsyncIterator[int]:
    """5,000 requests that stop within a header."""
    async for now in held(target, target.number(5_000), SLOW_HEADER):
        yield now


async def one_ticket(target: Target) -> AsyncIterator[int]:
    """2,000 WebSockets with one page's ticket."""
    words = HANDSHAKE.format(path=f"/ws/inventory?ticket={target.ticket}").encode()
    async for now in held(target, target.number(2_000), words):
        yield now


async def deaf_readers(target: Target) -> AsyncIterator[int]:
    """200 readers of all events that never read: half of them event streams, half of them WebSockets."""
    stream = f"GET /v1/inventory/stream HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {target.token}\r\n\r\n"
    shake = HANDSHAKE.format(path="/ws/inventory").removesuffix("\r\n")
    websocket = f"{shake}Authorization: Bearer {target.token}\r\n\r\n"
    number = target.number(100)
    streams = held(target, number, stream.encode(), reads=False)
    async for now in held(target, number, websocket.encode(), reads=False):
        yield now + await anext(streams)


async def huge_headers(target: Target) -> AsyncIterator[int]:
    """Six sockets that send 50 MB of one header, repeatedly."""
    number = target.number(6) if target.scale == 1 else 6
    sent = [0] * number

    async def send(index: int) -> None:
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(target.host, target.port)
                try:
                    writer.write(SLOW_HEADER)
                    for _ in range(HEADER_BYTES // len(CHUNK)):
                        writer.write(CHUNK)
                        await writer.drain()
                        sent[index] += 1
                finally:
                    writer.transport.abort()
            await asyncio.sleep(PACE_S)

    tasks = [asyncio.create_task(send(index)) for index in range(number)]
    while True:
        await asyncio.sleep(PACE_S)
        if all(sent):
            yield len(tasks)
