"""The far side of a wire for test_http2.py: reads frames, and sends exactly the bytes that a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bench import frames

ENDED = b"\x00\x0bgrpc-status\x010"


class FarConnection:
    """One connection: its incoming frames, and methods that send. `requests` are the DATA frames' bytes by stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.requests: dict[int, bytes] = {}
        self.resets: list[int] = []

    def say(self, what: bytes) -> None:
        self._writer.write(what)

    def answer(self, stream: int) -> None:
        """Ends the call with OK and without a message."""
        self.say(frames.frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream, ENDED))

    async def until(self, number: int) -> list[int]:
        """Reads until there are `number` requests; returns their streams in the order of arrival."""
        while len(self.requests) < number:
            await self._read()
        return list(self.requests)

    async def until_reset(self) -> list[int]:
        """Reads until a call is cancelled; returns the streams of cancelled calls."""
        while not self.resets:
            await self._read()
        return self.resets

    async def greet(self) -> None:
        await self._reader.readexactly(len(frames.PREFACE))
        self.say(frames.frame(frames.SETTINGS, 0, 0))

    async def _read(self) -> None:
        head = await self._reader.readexactly(frames.HEAD_BYTES)
        high, low, kind, _flags, stream = frames.HEAD.unpack(head)
        payload = await self._reader.readexactly(high << 8 | low)
        if kind == frames.DATA:
            self.requests[stream] = self.requests.get(stream, b"") + payload
        elif kind == frames.RST_STREAM:
            self.resets.append(stream)


class FarServer:
    """Listens at `address`; each connection is handed out once, in the order of arrival."""

    def __init__(self) -> None:
        self._accepted: asyncio.Queue[FarConnection] = asyncio.Queue()
        self.address = ""

    async def connection(self) -> FarConnection:
        return await self._accepted.get()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = FarConnection(reader, writer)
        await accepted.greet()
        self._accepted.put_nowait(accepted)


@asynccontextmanager
async def listening() -> AsyncIterator[FarServer]:
    """Listens until the block ends."""
    far = FarServer()
    server = await asyncio.start_server(far.accept, "127.0.0.1", 0)
    far.address = "127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    yield far
    server.close()
