"""One GraphQL WebSocket: its visitor, and its end when its ticket expires or its client does not read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from starlette.types import Message, Send

from edge.push import metrics
from edge.push.hub import Hub
from edge.push.subscriber import EXPIRED, TOO_SLOW, Ending
from edge.push.visitor import Visitor

LAST_WORDS_S = 1.0
"""Time for subscriptions to report why they end, before the connection closes."""


class Connection:
    """Strawberry writes to `send`; `end` closes the connection, even if its client does not read."""

    def __init__(self, hub: Hub, visitor: Visitor, send: Send) -> None:
        self.visitor = visitor
        self.running: Callable[[], Iterable[asyncio.Task[None]]] = tuple
        """The operations under way."""
        self._hub = hub
        self._write = send
        self._ending: Ending | None = None
        self._closed = False
        self._closing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def ended(self) -> Ending | None:
        """Why it accepts no more operations; None while it does."""
        return EXPIRED if self.visitor.grant.ended(self._hub.unix_s()) else self._ending

    def begin(self) -> None:
        """Takes a place, and ends the connection when its ticket expires."""
        self._hub.connections.take(self.visitor)
        metrics.GRAPHQL.value += 1
        expires_s = self.visitor.grant.expires_s
        if expires_s is not None:
            within_s = max(0.0, expires_s - self._hub.unix_s())
            self._timer = asyncio.get_running_loop().call_later(within_s, self.end, EXPIRED)

    async def leave(self) -> None:
        """Gives the place back when the client is gone."""
        self._hub.connections.leave(self.visitor)
        metrics.GRAPHQL.value -= 1
        if self._timer is not None:
            self._timer.cancel()
        if self._closing is not None:
            await asyncio.gather(self._closing, return_exceptions=True)

    def end(self, ending: Ending) -> None:
        """Accepts no more operations and closes. Only the first ending counts."""
        if self._ending is None:
            self._ending = ending
            self._closing = asyncio.create_task(self._close(ending))

    async def send(self, message: Message) -> None:
        """Sends a message of strawberry's. OSError after the close, as for a client that is gone."""
        if self._closed:
            raise ConnectionResetError
        self._closed = message["type"] == "websocket.close"
        await self._write(message)

    async def _close(self, ending: Ending) -> None:
        running = set(self.running())
        if running and ending is not TOO_SLOW:
            await asyncio.wait(running, timeout=LAST_WORDS_S)
        try:
            await self.send({"type": "websocket.close", "code": ending.code, "reason": ending.why})
        except OSError:
            return
