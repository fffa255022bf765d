"""The client messages of graphql-transport-ws; an invalid one is the client's error and gets a clear text."""

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
"""Of the reason in a close frame (RFC 6455, 5.5); a longer one cannot be sent."""
MOST_ID_CHARACTERS = 200
MALFORMED = "Failed to parse message"
TYPES = ("connection_init", "ping", "pong", "subscribe", "complete")


class Adapter(ASGIWebSocketAdapter):
    """Shortens close reasons so that they fit into their frame."""

    async def close(self, code: int, reason: str) -> None:
        """Closes the connection."""
        await super().close(code, reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore"))


class Handler(BaseGraphQLTransportWSHandler[Context, None]):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.context.connection.running = self._running

    async def handle_message(self, message: Message) -> None:
        """Handles one message of any kind."""
        given: Any = message
        if not isinstance(given, dict) or given.get("type") not in TYPES or not _id_of(given):
            await self.handle_invalid_message(MALFORMED)
            return
        await super().handle_message(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Handles the first message; its payload may be null, as the protocol allows."""
        if message.get("payload", {}) is None:
            message = cast(ConnectionInitMessage, {"type": "connection_init"})
        await super().handle_connection_init(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Starts an operation; an invalid one gets an error under its id."""
        if self.context.connection.ended is not None:
            return
        if refused := _wrong(message.get("payload")):
            error: Any = {"id": message["id"], "type": "error", "payload": [of_problem(refused).formatted]}
            await self.send_message(error)
            return
        await super().handle_subscribe(message)

    async def handle_task_exception(self, error: Exception) -> None:
        """Ignores that a client is gone, which is not a bug."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    def _running(self) -> list[asyncio.Task[None]]:
        return [operation.task for operation in self.operations.values() if operation.task is not None]


def decoded(text: str | bytes) -> object:
    """A message. NonJsonMessageReceived also for more than a thousand levels of nesting and for a lone surrogate."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NonJsonMessageReceived from error


def _id_of(message: Mapping[str, Any]) -> bool:
    """Whether it has a valid id, if its type needs one."""
    if message["type"] not in ("subscribe", "complete"):
        return True
    given = message.get("id")
    return isinstance(given, str) and 0 < len(given) <= MOST_ID_CHARACTERS


def _wrong(payload: object) -> Problem | None:
    """The problem of a payload, by the same rules as for the body over HTTP; None for a valid one."""
    try:
        GraphQLQuery.model_validate(payload)
    except ValidationError as error:
        return problems.from_validation(error.errors(include_url=False, include_context=False))
    return None
