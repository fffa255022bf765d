"""Makes each REST request a span: in its caller's trace if it has a `traceparent`, else the first of a new trace."""

from __future__ import annotations

from opentelemetry.trace import SpanKind, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import context, tracing
from edge.metrics import PROBES, UNMATCHED


class Traced:
    """The outermost layer, present only when this process traces."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; probes and other ASGI scopes are not traced."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        status = 0

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        given = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in scope["headers"]]
        with tracing.span(scope["method"], SpanKind.SERVER, None, tracing.parent_in(given)) as span:
            try:
                await self._app(scope, receive, noting_status)
            finally:
                route = getattr(scope.get("route"), "path_format", UNMATCHED)
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("request_id", context.request_id.get())
                if status >= 500:
                    span.set_status(StatusCode.ERROR)
