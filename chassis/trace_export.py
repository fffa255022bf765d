"""Exports finished spans to an OTLP collector, a file or the console. Imported only by processes that trace."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import format_span_id, format_trace_id

from chassis import release
from chassis.config import Traces
from chassis.trace_file import TraceFile

SEND_WITHIN_S = 3
"""Spans are dropped when the collector is slower. No process waits longer, not even when it ends."""


class Lines(SpanExporter):
    """Writes each span at once as one line of JSON, for `python -m chassis.trace_view`."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Writes one line per span, each in one write, so that processes can share a file."""
        for span in spans:
            self._write(orjson.dumps(_told(span)) + b"\n")
        return SpanExportResult.SUCCESS


def provider(process: str, settings: Traces) -> TracerProvider:
    """Samples by the caller's decision, otherwise by the ratio. Pending spans are sent when the process ends."""
    resource = Resource.create({"service.name": process, "service.version": release.name()})
    made = TracerProvider(ParentBasedTraceIdRatio(settings.ratio), resource, shutdown_on_exit=False)
    atexit.register(close, made)
    if settings.endpoint:
        url = f"{settings.endpoint.rstrip('/')}/v1/traces"
        made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url, timeout=SEND_WITHIN_S)))
    if settings.to:
        made.add_span_processor(SimpleSpanProcessor(Lines(_writer(settings.to))))
    return made


def close(provider: TracerProvider) -> None:
    """Sends pending spans, but does not wait for an unreachable collector: the SDK would, for every batch."""
    last = threading.Thread(target=provider.shutdown, daemon=True)
    last.start()
    last.join(SEND_WITHIN_S)


def _writer(to: str) -> Callable[[bytes], object]:
    if to == "console":
        return sys.stderr.buffer.write
    return TraceFile(Path(to)).write


def _told(span: ReadableSpan) -> dict[str, object]:
    own, parent = span.get_span_context(), span.parent
    start, end = span.start_time or 0, span.end_time or 0
    return {
        "trace": format_trace_id(own.trace_id) if own else "",
        "span": format_span_id(own.span_id) if own else "",
        "parent": format_span_id(parent.span_id) if parent else "",
        "process": span.resource.attributes.get("service.name", ""),
        "name": span.name,
        "start_ns": start,
        "ms": round((end - start) / 1e6, 3),
        "ok": span.status.is_ok,
        "attributes": dict(span.attributes or {}),
        "links": [format_span_id(link.context.span_id) for link in span.links],
    }
