"""The messages of graphql-transport-ws as clients may send them: what is none of them is the client's error, in words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import orjson
from pydantic import ValidationError
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)

from edge import problems
from edge.graphql.errors import of_problem
from edge.graphql.schema import Context
from edge.problems import Problem
from edge.schemas.graphql import GraphQLQuery

MOST_REASON_BYTES = 123
"""Of the reason in a close frame (RFC 6455, 5.5): a longer one cannot be sent."""
MOST_ID_CHARACTERS = 200
MALFORMED = "Failed to parse message"
TYPES = ("connection_init", "ping", "pong", "subscribe", "complete")


class Adapter(ASGIWebSocketAdapter):
    """Reasons that fit into their frame."""

    async def close(self, code: int, reason: str) -> None:
        """Closes the connection."""
        await super().close(code, reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore"))


class Handler(BaseGraphQLTransportWSHandler[Context, None]):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.context.connection.running = self._running

    async def handle_message(self, message: Message) -> None:
        """One message, whatever it is."""
        given: Any = message
        if not isinstance(given, dict) or given.get("type") not in TYPES or not _id_of(given):
            await self.handle_invalid_message(MALFORMED)
            return
        await super().handle_message(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """The first message; its payload may be null, as the protocol has it."""
        if message.get("payload", {}) is None:
            message = cast(ConnectionInitMessage, {"type": "connection_init"})
        await super().handle_connection_init(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begins an operation; what cannot be one is answered with an error under its id."""
        if self.context.connection.ended is not None:
            return
        if refused := _wrong(message.get("payload")):
            error: Any = {"id": message["id"], "type": "error", "payload": [of_problem(refused).formatted]}
            await self.send_message(error)
            return
        await super().handle_subscribe(message)

    async def handle_task_exception(self, error: Exception) -> None:
        """A client that is gone is no bug."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    def _running(self) -> list[asyncio.Task[None]]:
        return [operation.task for operation in self.operations.values() if operation.task is not None]


def decoded(text: str | bytes) -> object:
    """A message. NonJsonMessageReceived also for one that nests deeper than a thousand levels, and for half a surrogate."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NonJsonMessageReceived from error


def _id_of(message: Mapping[str, Any]) -> bool:
    """Whether it has an id where it needs one."""
    if message["type"] not in ("subscribe", "complete"):
        return True
    given = message.get("id")
    return isinstance(given, str) and 0 < len(given) <= MOST_ID_CHARACTERS


def _wrong(payload: object) -> Problem | None:
    """The same rules as for the body over HTTP."""
    try:
        GraphQLQuery.model_validate(payload)
    except ValidationError as error:
        return problems.from_validation(error.errors(include_url=False, include_context=False))
    return None
