"""A receiver of webhooks: a real HTTP server in the test's process that records requests and returns scripted answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer


class Received(NamedTuple):
    """One request that arrived. `path` identifies the endpoint."""

    path: str
    body: bytes
    headers: dict[str, str]

    @property
    def event_id(self) -> str:
        """The id of its event."""
        return str(orjson.loads(self.body)["event_id"])

    @property
    def webhook_id(self) -> str:
        """The id by which a receiver deduplicates."""
        return self.headers["webhook-id"]


Answer = Callable[[Received], Awaitable[web.StreamResponse] | web.StreamResponse]


class Receiver:
    """`answer` may be replaced; by default every request is accepted."""

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.answer: Answer = lambda _received: web.Response(status=200)
        self._arrived = asyncio.Condition()
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._take)
        self._server = TestServer(application)

    async def start(self) -> None:
        """Listens."""
        await self._server.start_server()

    async def stop(self) -> None:
        """Stops listening; waits for no request."""
        await self._server.close()

    def url(self, path: str = "/") -> str:
        """Its URL."""
        return str(self._server.make_url(path))

    def at(self, path: str) -> list[Received]:
        """Requests that arrived there."""
        return [one for one in self.got if one.path == path]

    def under(self, beginning: str) -> list[Received]:
        """Requests that arrived at paths with this beginning."""
        return [one for one in self.got if one.path.startswith(beginning)]

    async def turn(self) -> None:
        """Lets all other ready tasks run first."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def has_at(self, beginning: str, number: int, within_s: float = 20.0) -> None:
        """Returns when `number` requests have arrived at paths with this beginning."""
        async with asyncio.timeout(within_s), self._arrived:
            await self._arrived.wait_for(lambda: len(self.under(beginning)) >= number)

    async def first(self, fits: Callable[[Received], bool], within_s: float = 20.0) -> Received:
        """The first request that fits, as soon as it has arrived."""
        async with asyncio.timeout(within_s), self._arrived:
            await self._arrived.wait_for(lambda: any(map(fits, self.got)))
        return next(one for one in self.got if fits(one))

    async def has(self, number: int, within_s: float = 10.0) -> None:
        """Returns when `number` requests have arrived in total."""
        async with asyncio.timeout(within_s), self._arrived:
            await self._arrived.wait_for(lambda: len(self.got) >= number)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.path, await request.read(), headers)
        async with self._arrived:
            self.got.append(received)
            self._arrived.notify_all()
        answer = self.answer(received)
        return await answer if isinstance(answer, Awaitable) else answer


def says(status: int, **headers: str) -> Answer:
    """Returns the same answer to every request."""
    return lambda _received: web.Response(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})
