"""The ASGI application: FastAPI with the edge's routes, errors and middleware."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, cast

from fastapi import FastAPI
from fastapi.routing import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from chassis import context, release, tracing
from edge import answers, docs, headers, operation, problems
from edge.clients import Clients
from edge.config import Settings
from edge.graphql.view import View
from edge.middleware import Authentication, Envelope
from edge.openapi import document
from edge.operation import Operation
from edge.problems import Problem
from edge.push.door import Push
from edge.push.frames import Frames
from edge.push.hub import Hub
from edge.push.services import StockReader
from edge.push.tickets import Tickets
from edge.push.websocket import WebSocketStream
from edge.routes import (
    customers,
    graphql,
    inventory,
    locations,
    orders,
    promotions,
    reservations,
    skus,
    streams,
    system,
    webhook_deliveries,
    webhook_endpoints,
)
from edge.tracing import Traced
from edge.webhooks import sandbox

PROBLEM_TYPE = problems.CONTENT_TYPE.decode()
DESCRIPTION = """One stock for all sales channels. Errors are RFC 9457 problems. An `Idempotency-Key` makes every change safe
to repeat. Amounts are whole numbers of minor units, such as cents for EUR."""


class Edge(FastAPI):
    """FastAPI with a document of everything that each operation accepts and returns."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, built once."""
        if self.openapi_schema is None:
            document.complete(super().openapi(), self.routes)
        return cast(dict[str, Any], self.openapi_schema)


def create(settings: Settings, clients: Clients, hub: Hub) -> FastAPI:
    """The application. It owns nothing that must be closed: `clients` and `hub` belong to the caller."""
    app = Edge(
        title="one-stock",
        version=release.name(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        redirect_slashes=False,
        # The edge has its own metrics and logs; FastAPI's would read the environment at every request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={HTTPException: _no_route},
    )
    app.state.clients = clients
    app.state.draining = False
    app.state.webhook_keys = settings.webhook_keys
    app.state.push = Push(hub, StockReader(clients), Frames())
    app.state.tickets = tickets = Tickets(settings.ticket_key)
    for router in _routers():
        # Appended, not included: an included router is matched twice per request.
        app.router.routes.extend(router.routes)
    if settings.docs:
        app.router.routes.extend(docs.routes())
    operation.know_each_other(app.routes)
    app.router.routes.append(WebSocketRoute("/ws/inventory", WebSocketStream()))
    app.router.routes.append(WebSocketRoute("/graphql", View()))
    app.router.routes.append(WebSocketRoute("/{path:path}", _NoWebSocket()))
    _anchor(app.routes)
    app.add_middleware(Authentication, token=settings.api_token, tickets=tickets)
    app.add_middleware(Envelope, over_tls=settings.hsts)
    if tracing.active():
        app.add_middleware(Traced)
    return app


def _routers() -> list[APIRouter]:
    """The most used first: routes are tried in order. In each module, fixed paths precede paths with parameters."""
    return [
        orders.router,
        reservations.router,
        locations.router,
        streams.router,
        inventory.router,
        skus.router,
        promotions.router,
        webhook_endpoints.router,
        webhook_deliveries.router,
        customers.router,
        graphql.router,
        sandbox.router,
        system.router,
    ]


def _anchor(routes: Sequence[BaseRoute]) -> None:
    """Starlette's patterns end with `$`, which also matches before a final line break: `/v1/orders%0a` must not match."""
    for route in routes:
        if isinstance(route, Route | WebSocketRoute):
            route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")


class _NoWebSocket:
    """Refuses WebSockets on all other paths with a problem; Starlette would refuse them without a body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI passes it
        given = next((value for name, value in scope["headers"] if name == headers.REQUEST_ID), None)
        context.request_id.set(headers.request_id(given))
        await answers.deny(answers.of_problem(_no_path()), send)


def _no_path() -> Problem:
    return Problem(404, "ROUTE_NOT_FOUND", "This path does not exist; /openapi.json lists all paths.")


async def _no_route(request: Request, raised: Exception) -> Response:
    """The problem for an unknown path, or for a method that the path does not support."""
    allowed: dict[str, str] = {}
    status = raised.status_code if isinstance(raised, HTTPException) else 500
    if status == 405:
        allowed = {"Allow": ", ".join(sorted(_methods(request)))}
        problem = Problem(405, "METHOD_NOT_ALLOWED", "This path does not support this method.")
    elif status == 404:
        problem = _no_path()
    else:
        problem = problems.internal()
    return Response(problem.document(context.request_id.get()), problem.status, allowed, PROBLEM_TYPE)


def _methods(request: Request) -> Collection[str]:
    path = request.scope["path"]
    routes = (route for route in request.app.routes if isinstance(route, Route) and route.path_regex.match(path))
    for route in routes:
        return route.path_methods if isinstance(route, Operation) else route.methods or ()
    return ()
