"""Traces: where a request spends its time, across all processes. Off unless a setting turns them on (README.md); off, they
cost nothing.

Spans are made here and sent by trace_export.py. They are named after RPCs, scripts, steps and tables; attributes never
hold text that customers typed.
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
    """Reads the settings. Call it once, before anything that checks `active` is built. ConfigError."""
    settings = config.traces()
    if settings is not None:
        from chassis import trace_export  # the SDK takes 0.1 s and 10 MB: only processes that trace load it

        use(trace_export.provider(process, settings))


def use(provider: trace.TracerProvider | None) -> None:
    """Traces through this provider from now on; None turns traces off."""
    global _tracer
    _tracer = None if provider is None else provider.get_tracer("one-stock")


def active() -> bool:
    """Whether this process traces. Check it when something is built, so that nothing is wrapped without need."""
    return _tracer is not None


def tracing_here() -> bool:
    """Whether the request being served is traced."""
    return _tracer is not None and trace.get_current_span().is_recording()


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    parent: current.Context | None = None,
) -> AbstractContextManager[Span]:
    """A span around a block, and the current span inside it; an exception marks it as failed."""
    if _tracer is None:
        return _off
    return _tracer.start_as_current_span(name, parent, kind, attributes, record_exception=False)


def inner(name: str, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
    """A span when the request being served is traced; for background work, no span."""
    return span(name, attributes=attributes) if tracing_here() else _off


def outgoing(name: str) -> AbstractContextManager[Span]:
    """A span around a call to another service when a trace has begun; background calls do not begin one."""
    known = _tracer is not None and trace.get_current_span().get_span_context().is_valid
    return span(name, SpanKind.CLIENT) if known else _off


def begin(name: str, parent: Span, start_ns: int, links: Iterable[trace.Link] = ()) -> Span:
    """A span with the given parent and start; the caller must end it."""
    if _tracer is None:
        return NO_SPAN
    return _tracer.start_span(name, trace.set_span_in_context(parent), links=list(links), start_time=start_ns)


def parent_in(headers: Iterable[tuple[str, str | bytes]]) -> current.Context:
    """The caller's span, from its `traceparent`; an unreadable header begins a new trace."""
    return W3C.extract({key: value for key, value in headers if key.startswith("trace") and isinstance(value, str)})


def onward() -> tuple[tuple[str, str], ...]:
    """The headers for the next process that make its spans children of the current one.

    Background work outside a trace, such as reading event logs, sends "not sampled": otherwise the next process
    would begin a trace.
    """
    if _tracer is None:
        return ()
    if not trace.get_current_span().get_span_context().is_valid:
        return ((TRACEPARENT, f"00-{random.getrandbits(128) | 1:032x}-{random.getrandbits(64) | 1:016x}-00"),)
    carrier: dict[str, str] = {}
    W3C.inject(carrier)
    return tuple(carrier.items())


def trace_id() -> str:
    """The current trace's id in the usual hexadecimal form, or ""."""
    if _tracer is None:
        return ""
    found = trace.get_current_span().get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid else ""
