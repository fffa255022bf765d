"""The middleware of every request, as plain ASGI: request id, authentication, limit of concurrency, metrics."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import access, context
from edge import answers, docs, headers, metrics, problems, secure_headers
from edge.call import COUNTED, SLASH_IN_SEGMENT, STREAMING
from edge.front.seats import CONNECTION, Seat
from edge.push.filters import EVERYTHING, Grant
from edge.push.tickets import PROTOCOL_PREFIX, TicketExpired, TicketInvalid, Tickets
from edge.scope import GRANT, PRINCIPAL

MOST_IN_FLIGHT = 4096
"""Requests served at once; excess requests are refused before they start, so that a burst costs no memory."""
CLIENT_CLOSED = 499
"""Counted, never sent: the caller disconnected before the response."""
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/openapi.json", "/docs", *(f"/docs/{name}" for name in docs.FILES)})
OPEN_PREFIX = "/v1/webhooks/"
"""Webhooks authenticate by their signatures."""
STREAM_PATH = "/v1/inventory/stream"
OPERATOR = "operator"
"""The principal of API_TOKEN. Its name is fixed, so that idempotency keys stay valid when the token changes."""
TICKET = "ticket"
"""The principal of every ticket; the ticket's permissions are in its grant."""
INVALID_TOKEN = b'Bearer realm="one-stock", error="invalid_token"'

_ENCODED_SLASH = re.compile(b"%2[Ff]")


class Envelope:
    """The outermost layer: request ids, encoded slashes, the limit of requests, metrics, unexpected errors."""

    def __init__(self, app: ASGIApp, over_tls: bool = False) -> None:
        self._app = app
        self._over_tls = over_tls
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; passes WebSockets and other scopes on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        context.request_id.set(request_id)
        _keep_encoded_slashes(scope)
        scope[COUNTED] = request = _Request(self, scope, started)
        over_tls = self._over_tls or scope["scheme"] == "https"
        id_header = (b"x-request-id", request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
                message["headers"] = secure_headers.added(message.get("headers", ()), id_header, over_tls)
                if scope.get(STREAMING):
                    request.end()  # a stream counts until its first byte
            await send(message)

        try:
            if self.in_flight > MOST_IN_FLIGHT and scope["path"] not in metrics.PROBES:
                await answers.send(answers.of_problem(problems.overloaded("Too many requests at once.")), send_with_id)
            else:
                await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            request.status = CLIENT_CLOSED
        except Exception as failed:
            access.bugs.note("edge.failed", failed, error=repr(failed)[: access.MOST_CHARACTERS])
            if request.status == 0:
                await answers.send(answers.of_problem(problems.internal()), send_with_id)
        finally:
            request.end()


class _Request:
    """One request while it is counted; a stream is counted until its first byte."""

    def __init__(self, envelope: Envelope, scope: Scope, started: float) -> None:
        self.status = 0
        self._envelope = envelope
        self._scope = scope
        self._started = started
        self._ended = False
        self.resume()

    @property
    def too_many(self) -> bool:
        """Whether more requests are being served than the limit allows."""
        return self._envelope.in_flight > MOST_IN_FLIGHT

    def pause(self) -> None:
        """Stops counting it while it waits for its body: a stranger must not take a place with one byte."""
        self._envelope.in_flight -= 1
        metrics.IN_FLIGHT.value -= 1

    def resume(self) -> None:
        """Counts it as being served."""
        self._envelope.in_flight += 1
        metrics.IN_FLIGHT.value += 1

    def end(self) -> None:
        """Records the finished request. Repeating is harmless."""
        if self._ended:
            return
        self._ended = True
        self.pause()
        route = getattr(self._scope.get("route"), "path_format", metrics.UNMATCHED)
        metrics.observe(self._scope["method"], route, self.status, time.perf_counter() - self._started)


class Authentication:
    """Requires the token on every path that is not open, so that a new route is closed until it is opened.

    WebSockets and event streams accept a ticket instead, because browsers cannot send headers with them.
    """

    def __init__(self, app: ASGIApp, token: str, tickets: Tickets) -> None:
        self._app = app
        self._token = token.encode()
        self._tickets = tickets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sets principal and grant, or refuses the request with 401."""
        if scope["type"] == "http" and (scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_PREFIX)):
            await self._app(scope, receive, send)
            return
        try:
            principal, scope[GRANT] = self._identify(scope)
            scope[PRINCIPAL] = principal
            seat: Seat | None = scope.get(CONNECTION)
            if seat is not None and seat.kind != "token":
                seat.prove("token" if principal == OPERATOR else "ticket")
        except problems.Problem as refused:
            answer = answers.of_problem(refused)
            await (answers.send(answer, send) if scope["type"] == "http" else answers.deny(answer, send))
            return
        context.caller.set(str(scope[PRINCIPAL]))
        await self._app(scope, receive, send)

    def _identify(self, scope: Scope) -> tuple[str, Grant]:
        given = next((value for name, value in scope["headers"] if name == headers.AUTHORIZATION), None)
        scheme, _, token = (given or b"").partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token):
            return OPERATOR, EVERYTHING
        takes_tickets = scope["type"] == "websocket" or scope["path"] == STREAM_PATH
        ticket = _ticket(scope) if takes_tickets and given is None else ""
        if not ticket:
            raise _refusal(given)
        try:
            return TICKET, self._tickets.read(ticket)
        except TicketExpired as ended:
            raise problems.unauthenticated("TOKEN_EXPIRED", "The ticket has expired.", INVALID_TOKEN) from ended
        except TicketInvalid as wrong:
            raise problems.unauthenticated("TOKEN_INVALID", "The ticket is not valid.", INVALID_TOKEN) from wrong


def _refusal(given: bytes | None) -> problems.Problem:
    if given is None:
        return problems.unauthenticated("TOKEN_INVALID", "A bearer token is required.", b'Bearer realm="one-stock"')
    return problems.unauthenticated("TOKEN_INVALID", "The token is not valid.", INVALID_TOKEN)


def _ticket(scope: Scope) -> str:
    """The ticket from the query or, for a WebSocket, from its subprotocols; "" without one."""
    for name, value in parse_qsl(scope["query_string"].decode("latin-1")):
        if name == "ticket":
            return str(value)
    offered: Sequence[str] = scope.get("subprotocols", ())
    return next((one.removeprefix(PROTOCOL_PREFIX) for one in offered if one.startswith(PROTOCOL_PREFIX)), "")


def _request_id(scope: Scope) -> str:
    return headers.request_id(next((value for name, value in scope["headers"] if name == headers.REQUEST_ID), None))


def _keep_encoded_slashes(scope: Scope) -> None:
    """A sku may contain a slash, sent as %2F. The server decodes it before routing, so a mark takes its place here."""
    raw = scope.get("raw_path") or b""
    if b"%2" in raw and _ENCODED_SLASH.search(raw):
        parts = (unquote(part.decode("ascii")) for part in _ENCODED_SLASH.split(raw))
        scope["path"] = SLASH_IN_SEGMENT.join(parts)
