"""`/graphql` over WebSocket: queries and subscriptions with graphql-transport-ws."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from chassis import context
from edge import answers, headers
from edge.graphql.connection import Connection
from edge.graphql.messages import Adapter, Handler, decoded
from edge.graphql.reads import Reads
from edge.graphql.schema import Context, schema
from edge.push.door import Push
from edge.push.visitor import Visitor

CONNECTION = "edge.graphql.connection"
"""Scope key: the `Connection`."""
INIT_WITHIN = timedelta(seconds=10)
"""Limit of the time from the handshake to connection_init."""
MOST_SUBSCRIPTIONS = 20
"""Per connection; each has its own place in the hub."""


class View(GraphQL[Any, Any]):
    """Origins are not checked: every client shows a token or a ticket."""

    graphql_transport_ws_handler_class = Handler
    websocket_adapter_class = Adapter

    def __init__(self) -> None:
        super().__init__(
            schema(),
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=INIT_WITHIN,
            max_subscriptions_per_connection=MOST_SUBSCRIPTIONS,
            allowed_origins=["*"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        given = next((value for name, value in scope["headers"] if name == headers.REQUEST_ID), None)
        context.request_id.set(headers.request_id(given))
        push: Push = scope["app"].state.push
        visitor = Visitor.of(scope)
        refused = push.refusal(visitor, push.hub.connections)
        if refused is not None:
            await answers.deny(answers.of_problem(refused), send)
            return
        connection = scope[CONNECTION] = Connection(push.hub, visitor, send)
        connection.begin()
        try:
            await super().__call__(scope, receive, connection.send)
        finally:
            await connection.leave()

    def decode_json(self, data: str | bytes) -> object:
        """A client's message."""
        return decoded(data)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """The context of one connection's resolvers."""
        state, connection = request.app.state, request.scope[CONNECTION]
        return Context(state.push, Reads(state.clients), connection.visitor, connection)
