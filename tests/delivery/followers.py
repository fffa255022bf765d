"""The recipients: a WebSocket client that resumes, and a webhook receiver that can be unavailable or hang."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any

import orjson
import websockets
from aiohttp import web
from websockets.exceptions import WebSocketException

RECONNECT_S = 0.1


class Follower:
    """Follows everything at the edge; reconnects with the token of the last message."""

    def __init__(self, edge: str, token: str) -> None:
        self._url = edge.replace("http", "ws", 1) + "/ws/inventory"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._resume = ""
        self.seen: list[tuple[str, int, str]] = []
        """Source, position and id of every event, in the order of arrival."""
        self.connected = asyncio.Event()
        self.connections = 0

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                await self._follow()
            await asyncio.sleep(RECONNECT_S)

    async def _follow(self) -> None:
        query = f"?after={self._resume}" if self._resume else ""
        async with websockets.connect(
            self._url + query, additional_headers=self._headers, compression=None, max_size=None
        ) as client:
            self.connections += 1
            async for message in client:
                self._take(orjson.loads(message))

    def _take(self, message: dict[str, Any]) -> None:
        for event in message.get("events", ()):
            self.seen.append((event["source"].removeprefix("/"), event["sequence"], event["id"]))
        token = message.get("token") or message.get("hello", {}).get("token") or message.get("heartbeat")
        if isinstance(token, str):
            self._resume = token
            self.connected.set()


class Receiver:
    """Returns 200, unless it is unavailable or hangs. Records every request that it answered."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        """Number of arrivals of each webhook id at each path."""
        self.order: dict[tuple[str, str, str], list[int]] = {}
        """Sequence of first arrivals, by path, source and key."""
        self.expected: dict[str, int] = {}
        """Number of webhooks that a path must get, for paths that do not follow everything."""
        self._away = False
        self._runner: web.AppRunner
        self.port = 0

    async def __aenter__(self) -> Receiver:
        app = web.Application()
        app.router.add_post("/hang/{number}", self._hang)
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self._runner.cleanup()

    def leave(self) -> None:
        """Returns 503 to every request from now on."""
        self._away = True

    def come_back(self) -> None:
        """Returns 200 again."""
        self._away = False

    async def _hang(self, request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(3600)
        return web.Response()

    async def _answer(self, request: web.Request) -> web.Response:
        told = orjson.loads(await request.read())
        if self._away:
            return web.Response(status=503)
        name = f"{request.path} {request.headers['webhook-id']}"
        self.received[name] += 1
        if self.received[name] == 1:
            self.order.setdefault((request.path, told["source"], told["key"]), []).append(told["sequence"])
        return web.Response()
