"""A client of live push: authenticates, listens, and records all messages."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import orjson
from websockets.asyncio.client import ClientConnection, connect

WITHIN_S = 15.0
"""For messages that should arrive immediately: the machine may be busy."""


class Listener:
    """One WebSocket. `events` are all received ones, `token` the last one."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []
        self.words: list[tuple[str, Any]] = []
        self.token = ""

    async def message(self) -> dict[str, Any]:
        """The next message. ConnectionClosed; fails if none arrives."""
        async with asyncio.timeout(WITHIN_S):
            message: dict[str, Any] = orjson.loads(await self.connection.recv())
        self._note(message)
        return message

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Listens until the condition holds."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not condition():
                    self._note(orjson.loads(await self.connection.recv()))
        except TimeoutError:
            raise AssertionError(f"not within {WITHIN_S:g} s: {what}; came: {self.events[-5:]} {self.words}") from None

    async def word(self, word: str) -> Any:
        """The body of the first message of this kind, now or later."""
        await self.until(lambda: word in dict(self.words), word)
        return dict(self.words)[word]

    async def say(self, message: Any) -> None:
        """Sends JSON."""
        await self.connection.send(orjson.dumps(message).decode())

    def positions(self, source: str = "inventory") -> list[int]:
        """Positions of the events from this source."""
        return [event["sequence"] for event in self.events if event["source"] == f"/{source}"]

    def _note(self, message: dict[str, Any]) -> None:
        if "events" in message:
            self.events += message["events"]
            self.token = message["token"]
            return
        ((word, body),) = message.items()
        self.words.append((word, body))
        if word == "heartbeat":
            self.token = body
        elif isinstance(body, dict) and "token" in body:
            self.token = body["token"]


@asynccontextmanager
async def listening(edge: str, token: str | None, **query: str) -> AsyncIterator[Listener]:
    """A listener that has received its hello. `edge` is the HTTP URL, `token` the API token."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"{edge.replace('http', 'ws', 1)}/ws/inventory?{urlencode(query)}"
    async with connect(url, additional_headers=headers, compression=None) as connection:
        listener = Listener(connection)
        await listener.word("hello")
        yield listener


_numbers = itertools.count(1)


def fresh(prefix: str) -> str:
    """A sku or location that no other test uses."""
    return f"{prefix}-{next(_numbers)}"
