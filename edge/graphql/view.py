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
from edge import answers, headers, problems
from edge.call import GRANT
from edge.graphql.reads import Reads
from edge.graphql.schema import Context, schema
from edge.push.hub import MOST_CLIENTS

INIT_WITHIN = timedelta(seconds=10)
"""From the handshake to connection_init."""
MOST_SUBSCRIPTIONS = 20
"""Per connection; each has its own place in the hub."""


class View(GraphQL[Any, Any]):
    """Origins are not checked: who connects shows a token or a ticket."""

    def __init__(self) -> None:
        super().__init__(
            schema(),
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=INIT_WITHIN,
            max_subscriptions_per_connection=MOST_SUBSCRIPTIONS,
            allowed_origins=["*"],
        )
        self._connections = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
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
        """For the resolvers of one connection."""
        state = request.app.state
        return Context(state.push, Reads(state.clients), request.scope[GRANT])
