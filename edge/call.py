"""One REST request as its handler sees it: the clients to use, the ids to send, the body to read."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import grpc
from starlette.requests import ClientDisconnect, Request

from chassis import client, context, ids
from edge import headers, problems
from edge.clients import Clients
from edge.front.bodies import Receiving
from edge.front.limits import MOST_BODY_BYTES
from edge.front.seats import CONNECTION, Seat
from edge.scope import PRINCIPAL

if TYPE_CHECKING:
    from edge.push.door import Push
    from edge.push.tickets import Tickets

STREAMING = "edge.streaming"
"""Scope key: true when the response is an endless stream."""
SLASH_IN_SEGMENT = "\udc2f"
"""Stands for %2F between routing and handler: a lone surrogate, which no decoded path can contain."""
COUNTED = "edge.counted"
"""Scope key: the request as the middleware counts it, an `InFlight`."""


class InFlight(Protocol):
    """A request that is counted as being served, unless it waits for its body."""

    def pause(self) -> None:
        """Stops counting it while its body has not arrived."""

    def resume(self) -> None:
        """Counts it again: its body has arrived, or never will."""

    @property
    def too_many(self) -> bool:
        """Whether more requests are being served than the limit allows."""


_VERSION = re.compile(r"[1-9][0-9]{0,17}|0")
"""Entity tags are version numbers in decimal digits."""

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Call(Request):
    """One REST request. A subclass of Request, so that FastAPI does not document it as a parameter."""

    @property
    def clients(self) -> Clients:
        """The stubs of this process."""
        return cast(Clients, self.app.state.clients)

    @property
    def push(self) -> Push:
        """Live push of this process."""
        return cast("Push", self.app.state.push)

    @property
    def tickets(self) -> Tickets:
        """The signer of tickets."""
        return cast("Tickets", self.app.state.tickets)

    def header(self, name: bytes) -> bytes | None:
        """The first header of this lower-case name."""
        for key, value in self.scope["headers"]:
            if key == name:
                return cast(bytes, value)
        return None

    def mutation_id(self, prefix: str) -> str:
        """The request_id of a change: derived from the Idempotency-Key, or random without one.

        The same caller, path and key always give the same id, so the service recognises a repeat; the same key with
        another path or caller gives another id.
        """
        key = headers.idempotency_key(self.header(headers.IDEMPOTENCY_KEY))
        if key is None:
            return ids.new_id(prefix)
        scope = self.scope
        template = f"{scope['method']} {scope['route'].path_format}"
        values = [part for item in sorted(self.path_params.items()) for part in item]
        values = [value.replace(SLASH_IN_SEGMENT, "/") for value in values]
        return headers.derived_id(prefix, str(scope[PRINCIPAL]), template, key, *values)

    def if_match(self) -> str | None:
        """The version that the caller expects, if any. Problem 412 for a tag that was never issued."""
        tag = headers.if_match(self.header(headers.IF_MATCH))
        if tag is not None and not _VERSION.fullmatch(tag):
            raise problems.never_a_version(tag)
        return tag

    async def rpc(self, method: grpc.aio.UnaryUnaryMultiCallable[Asked, Answered], request: Asked) -> Answered:
        """Calls a service within this request's deadline. ServiceError for every failure."""
        return cast(Answered, await client.call(method, request, context.remaining_s(headers.MOST_TIMEOUT_S)))

    async def read(self, most: int = MOST_BODY_BYTES) -> bytes:
        """The raw body. Problem 413 as soon as it is known to be too large, 408 after the deadline, 503 without room."""
        declared = self.header(headers.CONTENT_LENGTH)
        if declared is not None and declared.isdigit() and int(declared) > most:
            raise problems.too_large(most)
        seat: Seat | None = self.scope.get(CONNECTION)
        if seat is None or not seat.body_waits:
            return await self._read(most, None)
        counted: InFlight = self.scope[COUNTED]
        counted.pause()
        try:
            with seat.seats.bodies.waiting(stranger=PRINCIPAL not in self.scope) as receiving:
                async with asyncio.timeout(context.remaining_s(headers.MOST_TIMEOUT_S)):
                    body = await self._read(most, receiving)
        except TimeoutError as error:
            raise problems.body_too_slow() from error
        finally:
            counted.resume()
        if counted.too_many:
            raise problems.overloaded("Too many requests at once.")
        return body

    async def _read(self, most: int, receiving: Receiving | None) -> bytes:
        chunks: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > most:
                raise problems.too_large(most)
            if receiving is not None:
                receiving.take(len(chunk))
            chunks.append(chunk)
            more = message.get("more_body", False)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
