"""The ASGI application: FastAPI with our routes, our errors and our middleware."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from chassis import context, exposition, tracing
from edge import problems
from edge.clients import Clients
from edge.config import Settings
from edge.graphql.view import View
from edge.middleware import Authentication, Envelope
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
DESCRIPTION = """One stock, sold everywhere at once. Errors are RFC 9457 problems; `Idempotency-Key` makes every change
safe to repeat; amounts are whole minor units."""


class Edge(FastAPI):
    """FastAPI that documents our errors under their own media type, which it has no setting for."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        document = super().openapi()
        operations = [operation for path in document["paths"].values() for operation in path.values()]
        for operation in operations:
            content = operation["responses"].get("default", {}).get("content", {})
            if "application/json" in content:
                content[PROBLEM_TYPE] = content.pop("application/json")
        return document


def create(settings: Settings, clients: Clients, hub: Hub) -> FastAPI:
    """The application. It owns nothing that must be closed: `clients` and `hub` belong to the caller."""
    app = Edge(
        title="one-stock",
        version=exposition.release(),
        description=DESCRIPTION,
        redoc_url=None,
        redirect_slashes=False,
        # Ours are the metrics and logs; FastAPI's own would read the environment at every request.
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
    app.router.routes.append(WebSocketRoute("/ws/inventory", WebSocketStream()))
    app.router.routes.append(WebSocketRoute("/graphql", View()))
    app.add_middleware(Authentication, token=settings.api_token, tickets=tickets)
    app.add_middleware(Envelope)
    if tracing.active():
        app.add_middleware(Traced)
    return app


def _routers() -> list[APIRouter]:
    """Hot nouns first: routes are tried in order. Fixed paths stand before those with parameters, in each module."""
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


async def _no_route(request: Request, raised: Exception) -> Response:
    """Says what the router found wrong: no such path, or no such method on it."""
    allowed: dict[str, str] = {}
    status = raised.status_code if isinstance(raised, HTTPException) else 500
    if status == 405:
        allowed = {"Allow": ", ".join(sorted(_methods(request)))}
        problem = Problem(405, "METHOD_NOT_ALLOWED", "This path has no such method.")
    elif status == 404:
        problem = Problem(404, "ROUTE_NOT_FOUND", "There is no such path; /openapi.json lists those there are.")
    else:
        problem = problems.internal()
    return Response(problem.document(context.request_id.get()), problem.status, allowed, PROBLEM_TYPE)


def _methods(request: Request) -> set[str]:
    path = request.scope["path"]
    routes = [route for route in request.app.routes if isinstance(route, Route) and route.path_regex.match(path)]
    return {method for route in routes for method in route.methods or ()}
