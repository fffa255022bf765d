"""Raw HTTP: bytes into a socket, and all bytes until the server has finished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.edge.conftest import TOKEN

WITHIN_S = 20.0
AUTHORIZED = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"


@dataclass
class RawAnswer:
    """One answer of HTTP/1.1 with a length."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The body of a refusal."""
        assert self.headers["content-type"] == "application/problem+json", self
        document: dict[str, Any] = orjson.loads(self.body)
        assert document["status"] == self.status
        return document


class Raw:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, raw: bytes) -> None:
        """Sends. A server that has already closed is not a failure: its answer is read later."""
        try:
            self.writer.write(raw)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def answer(self, bodiless: bool = False) -> RawAnswer:
        """The next answer."""
        async with asyncio.timeout(WITHIN_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = b"" if bodiless else await self.reader.readexactly(int(headers["content-length"]))
        return RawAnswer(int(head[0].split(" ")[1]), headers, body)

    async def closed(self) -> bytes:
        """The bytes before the server closed the connection; fails if it does not."""
        async with asyncio.timeout(WITHIN_S):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


async def connected(url: str) -> Raw:
    """A new connection to the edge; `gone` ends it."""
    address = urlsplit(url)
    return Raw(*await asyncio.open_connection(address.hostname, address.port))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Raw]:
    """A connection, closed afterwards."""
    raw = await connected(url)
    try:
        yield raw
    finally:
        raw.writer.transport.abort()


async def asked(url: str, raw: bytes) -> RawAnswer:
    """The answer to these bytes on a new connection, which the server then closes."""
    async with opened(url) as connection:
        await connection.say(raw)
        answer = await connection.answer()
        if answer.headers.get("connection") == "close":
            assert await connection.closed() == b""
    return answer
