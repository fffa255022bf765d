"""A TCP proxy with toxics: lost replies, silence, latency, another upstream, dropped and forgotten connections."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TypeAlias

Upstream: TypeAlias = tuple[str, int]
CHUNK = 65_536
REDIAL_S = 0.02
FIRST_REPLIES = 4
"""Replies of a connection that are never cut: they are greetings and the like, without which no request is sent."""


@dataclass(eq=False)
class Link:
    """One client's connection and its connection to the upstream."""

    client: asyncio.StreamWriter
    upstream: asyncio.StreamWriter | None = None
    replies: int = 0
    flowing: asyncio.Event = field(default_factory=asyncio.Event)

    def close(self) -> None:
        """Both sides see the connection end."""
        self.client.close()
        if self.upstream is not None:
            self.upstream.close()


class Proxy:
    """Listens at `port` and forwards all data. Toxics are attributes and methods; all are off at first."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.port = 0
        self.cut_share = 0.0
        """Share of the upstream's replies that are dropped together with their connection, after the request was done."""
        self.cut = 0
        self.latency_s = 0.0
        """Added to each packet, in both directions."""
        self.keeps = False
        """A client stays connected when its upstream is lost; data in flight is lost."""
        self._links: set[Link] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Ends every connection and stops listening."""
        if self._server is not None:
            self._server.close()
        self.drop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._links)

    def silence(self) -> None:
        """No data passes and no connection is refused; connections stay open, and data sent meanwhile arrives after `speak`."""
        self._open.clear()

    def speak(self) -> None:
        """Ends the silence."""
        self._open.set()

    def forget(self) -> None:
        """The current connections stay silent for good, as after a firewall lost its table; new ones work."""
        for link in self._links:
            link.flowing.clear()

    def drop(self) -> None:
        """Ends every connection; new ones work."""
        for link in list(self._links):
            link.close()

    def swing(self, upstream: Upstream) -> None:
        """Switches to another upstream; connections to the old one end."""
        self.upstream = upstream
        self.drop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(writer)
        link.flowing.set()
        self._links.add(link)
        asking: asyncio.Task[None] | None = None
        try:
            async for replies in self._upstreams(link):
                if asking is None:
                    asking = asyncio.create_task(self._ask(reader, link))
                replying = asyncio.create_task(self._reply(replies, link))
                await asyncio.wait({asking, replying}, return_when=asyncio.FIRST_COMPLETED)
                replying.cancel()
                if asking.done() or not self.keeps:
                    return
        finally:
            self._links.discard(link)
            if asking is not None:
                asking.cancel()
            link.close()

    async def _upstreams(self, link: Link) -> AsyncIterator[asyncio.StreamReader]:
        """Yields a connection to the upstream; if that is lost and the client stays, the next one."""
        while not link.client.is_closing():
            await self._open.wait()
            try:
                reader, link.upstream = await asyncio.open_connection(*self.upstream)
            except OSError:
                if not self.keeps:
                    return
                await asyncio.sleep(REDIAL_S)
                continue
            yield reader

    async def _ask(self, reader: asyncio.StreamReader, link: Link) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._pass(link)
                if link.upstream is not None and not link.upstream.is_closing():
                    link.upstream.write(data)

    async def _reply(self, reader: asyncio.StreamReader, link: Link) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._pass(link)
                link.replies += 1
                if link.replies > FIRST_REPLIES and random.random() < self.cut_share:
                    self.cut += 1
                    link.close()
                    return
                link.client.write(data)
                await link.client.drain()

    async def _pass(self, link: Link) -> None:
        await self._open.wait()
        await link.flowing.wait()
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
