"""Makes each RPC that is served a span of its caller's trace. Used only where the process traces."""

from __future__ import annotations

from typing import Any

import grpc
from opentelemetry.trace import Span, SpanKind, StatusCode

from chassis import context, tracing
from chassis.interceptors import meter
from chassis.interceptors.meter import Handler


def traced(method: str, handle: Handler) -> Handler:
    """Runs `handle` inside a span under the method's full name."""

    async def spanned(message: Any, rpc: Any) -> Any:
        parent = tracing.parent_in(rpc.invocation_metadata() or ())
        with tracing.span(method, SpanKind.SERVER, {"rpc.system": "grpc"}, parent) as span:
            try:
                answer = await handle(message, rpc)
                if answer is None:
                    _failed(span, grpc.StatusCode(rpc.code()).name)
            except BaseException as ended:
                _failed(span, meter.cut(ended, rpc))
                raise
            finally:
                span.set_attribute("request_id", context.request_id.get())
            return answer

    return spanned


def _failed(span: Span, code: str) -> None:
    span.set_attribute("rpc.status", code)
    span.set_status(StatusCode.ERROR, code)
