"""`/graphql` as ASGI: queries by POST, everything over WebSocket with graphql-transport-ws."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from chassis import context
from edge import answers, headers, problems
from edge.call import GRANT
from edge.graphql.reads import Reads
from edge.graphql.schema import Context, schema
from edge.problems import Problem
from edge.push.hub import MOST_CLIENTS

PATH = "/graphql"
MOST_BODY_BYTES = 128 * 1024
"""As a WebSocket message: a query of 1,000 tokens, and 500 skus as its variables."""
INIT_WITHIN = timedelta(seconds=10)
"""From the handshake to connection_init."""
MOST_SUBSCRIPTIONS = 20
"""Per connection; each has its own place in the hub."""


class View(GraphQL[Any, Any]):
    """No GraphiQL: its page loads scripts from elsewhere. No GET: a query would stand in logs. Origins are not checked."""

    path_format = PATH
    """As which metrics count it: a plain route does not say."""

    def __init__(self) -> None:
        super().__init__(
            schema(),
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=INIT_WITHIN,
            max_subscriptions_per_connection=MOST_SUBSCRIPTIONS,
            allowed_origins=["*"],
        )
        self._connections = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or connection."""
        if scope["type"] == "http":
            scope["route"] = self
            try:
                await self._answer(scope, receive, send)
            except Problem as refused:
                await answers.send(answers.of_problem(refused), send)
            return
        given = next((value for name, value in scope["headers"] if name == headers.REQUEST_ID), None)
        context.request_id.set(headers.request_id(given))
        if self._connections >= MOST_CLIENTS or scope["app"].state.draining:
            await answers.deny(answers.of_problem(problems.overloaded("No more connections now.")), send)
            return
        self._connections += 1
        try:
            await super().__call__(scope, receive, send)
        except (TypeError, AttributeError):  # a message that is JSON and not an object
            await send({"type": "websocket.close", "code": 4400, "reason": "Failed to parse message"})
        finally:
            self._connections -= 1

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """For the resolvers of one request or connection."""
        state = request.app.state
        return Context(state.push, Reads(state.clients), request.scope[GRANT])

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise problems.method_not_allowed("Queries are POSTed; subscriptions need a WebSocket.", "POST")
        if any(name == b"accept" and b"multipart" in value for name, value in scope["headers"]):
            raise problems.invalid_field("Accept", "must not ask for multipart: subscriptions need a WebSocket")
        context.set_deadline(context.DEFAULT_DEADLINE_S)
        size = 0

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            size += len(message.get("body", b""))
            if size > MOST_BODY_BYTES:
                raise problems.too_large(MOST_BODY_BYTES)
            return message

        await super().__call__(scope, bounded, send)
