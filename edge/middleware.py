"""What happens around every request, as plain ASGI: its id, who asks, how many at once, what is counted."""

from __future__ import annotations

import hmac
import re
import time
from urllib.parse import unquote

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import context, telemetry
from edge import answers, headers, metrics, problems
from edge.call import PRINCIPAL, SLASH_IN_SEGMENT

log = telemetry.logger()

MOST_IN_FLIGHT = 4096
"""Requests served at once; more are refused at the door, so that a stampede costs its own callers and no memory."""
CLIENT_CLOSED = 499
"""Counted, never sent: the caller went away before the answer."""
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/openapi.json", "/docs", "/docs/oauth2-redirect"})
OPEN_PREFIX = "/v1/webhooks/"
"""Webhooks prove themselves by their signatures."""
OPERATOR = "operator"
"""The principal of API_TOKEN. A fixed name, so that a new token does not make old idempotency keys new."""

_ENCODED_SLASH = re.compile(b"%2[Ff]")


class Envelope:
    """Outermost: request id in and out, slashes inside a segment, the limit, metrics, and the last resort."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; other ASGI messages pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        context.request_id.set(request_id)
        _keep_encoded_slashes(scope)
        status = 0
        id_header = (b"x-request-id", request_id.encode())

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), id_header]
            await send(message)

        self.in_flight += 1
        metrics.IN_FLIGHT.value += 1
        try:
            if self.in_flight > MOST_IN_FLIGHT:
                await answers.send(answers.of_problem(problems.overloaded("Too many requests at once.")), send_with_id)
            else:
                await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = CLIENT_CLOSED
        except Exception as failed:
            log.exception("edge.failed", error=repr(failed))
            if status == 0:
                await answers.send(answers.of_problem(problems.internal()), send_with_id)
        finally:
            self.in_flight -= 1
            metrics.IN_FLIGHT.value -= 1
            route = getattr(scope.get("route"), "path_format", metrics.UNMATCHED)
            metrics.observe(scope["method"], route, status, time.perf_counter() - started)


class Authentication:
    """Lets nobody past without the token, but for the open paths: what is new is closed until somebody opens it."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sets the principal, or answers 401."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_PREFIX):
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == headers.AUTHORIZATION), None)
        scheme, _, token = (given or b"").partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token):
            scope[PRINCIPAL] = OPERATOR
            await self._app(scope, receive, send)
            return
        await answers.send(answers.of_problem(_refusal(given)), send)


def _refusal(given: bytes | None) -> problems.Problem:
    if given is None:
        return problems.unauthenticated("TOKEN_INVALID", "A bearer token is needed.", b'Bearer realm="one-stock"')
    challenge = b'Bearer realm="one-stock", error="invalid_token"'
    return problems.unauthenticated("TOKEN_INVALID", "The token is not valid.", challenge)


def _request_id(scope: Scope) -> str:
    return headers.request_id(next((value for name, value in scope["headers"] if name == headers.REQUEST_ID), None))


def _keep_encoded_slashes(scope: Scope) -> None:
    """A sku may hold a slash, sent as %2F. The server decodes before routing: put a mark where the slash was."""
    raw = scope.get("raw_path") or b""
    if b"%2" in raw and _ENCODED_SLASH.search(raw):
        parts = (unquote(part.decode("ascii")) for part in _ENCODED_SLASH.split(raw))
        scope["path"] = SLASH_IN_SEGMENT.join(parts)
