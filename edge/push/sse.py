"""Server-sent events, for `EventSource` and curl. `id:` is the resume token, so that a browser resumes by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from edge.call import STREAMING
from edge.push.door import Push
from edge.push.pushed import Pushed
from edge.push.session import Session
from edge.push.subscriber import Ending, Subscriber

RETRY_MS = 1_000
PART_WITHIN_S = 2.0
"""Time for the last message; then the socket is cut off, read or not. A browser resumes with the last id that it saw."""
CONTENT_TYPE = b"text/event-stream; charset=utf-8"
HEADERS = [
    (b"content-type", CONTENT_TYPE),
    (b"cache-control", b"no-store"),
    # Access depends on a token or ticket, which the page must have, and never on a cookie: any page may read the stream.
    (b"access-control-allow-origin", b"*"),
    (b"connection", b"close"),  # closes the socket with the stream, even if the client does not read its end
    (b"x-accel-buffering", b"no"),  # nginx would hold events back until a buffer is full
]


class EventStream:
    """The result of the route's handler instead of an `Answer`."""

    def __init__(self, push: Push, subscriber: Subscriber, snapshot: bool, resumes: bool) -> None:
        self._push = push
        self._subscriber = subscriber
        self._snapshot = snapshot
        self._resumes = resumes

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streams until the client is gone."""
        scope[STREAMING] = True
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        wire = EventStreamWire(self._subscriber, receive, send)
        session = Session(self._push.hub, self._push.stock, self._subscriber, wire, self._snapshot)
        await session.run(self._resumes)


class EventStreamWire:
    """See `edge.push.session.Wire`."""

    def __init__(self, subscriber: Subscriber, receive: Receive, send: Send) -> None:
        self._subscriber = subscriber
        self._receive = receive
        self._write = send

    async def events(self, batch: Sequence[Pushed], token: str) -> None:
        """All but the last also carry their own token: a connection may break between them."""
        parts = [pushed.as_sse(self._subscriber.token(pushed)) for pushed in batch[:-1]]
        await self._body(b"".join([*parts, batch[-1].as_sse(token)]))

    async def say(self, word: str, body: Any, token: str | None) -> None:
        place = b"" if token is None else b"id: %b\n" % token.encode()
        if word == "heartbeat":
            await self._body(b": heartbeat\n%b\n" % place)
            return
        retry = b"retry: %d\n" % RETRY_MS if word == "hello" else b""
        await self._body(b"%bevent: %b\n%bdata: %b\n\n" % (retry, word.encode(), place, orjson.dumps(body)))

    async def part(self, word: str, body: Mapping[str, Any], ending: Ending) -> None:  # noqa: ARG002 - the body has it
        retry = b"retry: %d\n" % (RETRY_MS + body.get("after_ms", 0))
        last = b"%bevent: %b\ndata: %b\n\n" % (retry, word.encode(), orjson.dumps(body))
        visitor = self._subscriber.visitor
        asyncio.get_running_loop().call_later(PART_WITHIN_S, visitor.cut_off)
        try:
            async with asyncio.timeout(PART_WITHIN_S):
                await self._body(last, more=False)
        except TimeoutError:
            visitor.cut_off()
            if visitor.transport is not None:
                await self.heard()  # otherwise the server would log an incomplete response

    async def heard(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _body(self, body: bytes, more: bool = True) -> None:
        await self._write({"type": "http.response.body", "body": body, "more_body": more})
