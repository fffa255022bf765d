"""Traces: where a request spends its time, over all processes. Off unless a setting asks (README.md), and free then.

Spans are made here and sent by trace_export.py. Their names are those of RPCs, scripts, steps and tables; attributes never
hold what customers type.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

from opentelemetry import context as current
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis import config

Attributes: TypeAlias = Mapping[str, str | int | float | bool]

W3C = TraceContextTextMapPropagator()
TRACEPARENT = "traceparent"
NO_SPAN = trace.INVALID_SPAN
_off: AbstractContextManager[Span] = nullcontext(NO_SPAN)
_tracer: trace.Tracer | None = None


def configure(process: str) -> None:
    """Reads the settings; call it once, before anything is built that asks `active`. ConfigError."""
    settings = config.traces()
    if settings is not None:
        from chassis import trace_export  # the SDK takes 0.1 s and 10 MB, which those pay who trace

        use(trace_export.provider(process, settings))


def use(provider: trace.TracerProvider | None) -> None:
    """Traces through this provider from now on, or not at all."""
    global _tracer
    _tracer = None if provider is None else provider.get_tracer("one-stock")


def active() -> bool:
    """Whether this process traces. Ask when something is built, so that nothing is wrapped where it does not."""
    return _tracer is not None


def tracing_here() -> bool:
    """Whether the request being served is one of those that are traced."""
    return _tracer is not None and trace.get_current_span().is_recording()


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    parent: current.Context | None = None,
) -> AbstractContextManager[Span]:
    """A span around a block, current inside it; an exception marks it as failed."""
    if _tracer is None:
        return _off
    return _tracer.start_as_current_span(name, parent, kind, attributes, record_exception=False)


def inner(name: str, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
    """A span where the request being served is traced; background work does not begin traces with it."""
    return span(name, attributes=attributes) if tracing_here() else _off


def outgoing(name: str) -> AbstractContextManager[Span]:
    """A span around a call of another service, where a trace has begun; background calls begin none."""
    known = _tracer is not None and trace.get_current_span().get_span_context().is_valid
    return span(name, SpanKind.CLIENT) if known else _off


def begin(name: str, parent: Span, start_ns: int, links: Iterable[trace.Link] = ()) -> Span:
    """A span that its caller ends, with a parent and a start of the caller's."""
    if _tracer is None:
        return NO_SPAN
    return _tracer.start_span(name, trace.set_span_in_context(parent), links=list(links), start_time=start_ns)


def parent_in(headers: Iterable[tuple[str, str | bytes]]) -> current.Context:
    """The caller's span, from its `traceparent`; what cannot be read begins a trace of its own."""
    return W3C.extract({key: value for key, value in headers if key.startswith("trace") and isinstance(value, str)})


def onward() -> tuple[tuple[str, str], ...]:
    """What the next process must be sent, so that its spans become children of the current one.

    Background work that no trace began, such as reading event logs, says that it is not traced: else the next process
    would begin a trace with it.
    """
    if _tracer is None:
        return ()
    if not trace.get_current_span().get_span_context().is_valid:
        return ((TRACEPARENT, f"00-{random.getrandbits(128) | 1:032x}-{random.getrandbits(64) | 1:016x}-00"),)
    carrier: dict[str, str] = {}
    W3C.inject(carrier)
    return tuple(carrier.items())


def trace_id() -> str:
    """The current trace's id as every tool writes it, or ""."""
    if _tracer is None:
        return ""
    found = trace.get_current_span().get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid else ""
