"""Traces: parents of spans, sampling, export, and no wrappers while tracing is off."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import client, config, context, sql_spans, stages, telemetry, trace_export, trace_file, trace_view, tracing
from chassis.batcher import Batcher
from chassis.config import ConfigError, Traces
from chassis.errors import ServiceError
from chassis.server import Server, Servicer
from chassis.trace_file import TraceFile
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc

GET_SKU = "inventory.v1.CatalogService/GetSku"
LIMITS = {"lanes": 1, "batch_weight": 100, "queue_items": 100}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Tracing is on; ended spans are collected here."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.use(provider)
    yield kept
    tracing.use(None)


class Catalog:
    """Serves every call, or refuses it."""

    def __getattr__(self, name: str) -> Any:
        return self.GetSku

    async def GetSku(self, request: pb.GetSkuRequest, _context: object) -> pb.GetSkuResponse:  # noqa: N802
        if request.sku == "bug":
            raise KeyError
        return pb.GetSkuResponse()


async def _get(sku: str) -> None:
    """One call of a new server."""

    async def ready() -> bool:
        return True

    server = Server("127.0.0.1:0", [Servicer(pb, pb_grpc, "CatalogService", Catalog())], {}, ready)
    await server.start()
    async with client.connect(f"127.0.0.1:{server.port}") as channel:
        stub: Any = pb_grpc.CatalogServiceStub(channel)
        try:
            await client.call(stub.GetSku, pb.GetSkuRequest(sku=sku))
        finally:
            await server.stop()


async def test_an_rpc_is_a_span_on_both_sides_of_the_wire(spans: InMemorySpanExporter) -> None:
    context.request_id.set("of-the-caller")
    with tracing.span("outside"):
        await _get("any")
    served, called, outside = spans.get_finished_spans()
    assert [served.name, called.name] == [GET_SKU, GET_SKU]
    assert _parent(served) == _id(called)
    assert _parent(called) == _id(outside)
    assert served.attributes == {"rpc.system": "grpc", "request_id": "of-the-caller"}


async def test_a_failed_rpc_says_its_code_and_nothing_of_the_bug(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ServiceError), tracing.span("outside"):
        await _get("bug")
    served = spans.get_finished_spans()[0]
    assert (served.status.is_ok, served.status.description) == (False, "INTERNAL")
    assert not served.events


async def test_a_batch_is_in_the_trace_of_each_request_that_it_served(spans: InMemorySpanExporter) -> None:
    async def flush(items: Sequence[int]) -> list[int]:
        with tracing.inner("inside the batch"):
            await asyncio.sleep(0)
        return [item + 1 for item in items]

    stage: Batcher[int, int] = stages.stage("stage", flush, **LIMITS)

    async def request(number: int) -> int:
        with tracing.span(f"request {number}"):
            return await stage.submit(number)

    stage.start()
    assert list(await asyncio.gather(request(1), request(2), stage.submit(3))) == [2, 3, 4]
    await stage.close()
    found = {(span.name, _parent(span)): span for span in spans.get_finished_spans()}
    roots = [span for span in found.values() if span.name.startswith("request")]
    first, second = (found["stage.batch", _id(root)] for root in roots)
    assert all(("stage.wait", _id(root)) in found for root in roots)
    assert first.attributes == second.attributes == {"batch.items": 3}
    assert found["inside the batch", _id(first)], "the first request's trace shows the inside"
    assert [link.context.span_id for link in second.links] == [_id(first)]


def test_nothing_is_wrapped_while_traces_are_off() -> None:
    async def flush(items: Sequence[int]) -> Sequence[int]:
        return items

    assert type(stages.stage("stage", flush, **LIMITS)) is Batcher
    assert sql_spans.arguments() == {}
    assert tracing.onward() == ()
    assert tracing.span("one") is tracing.span("another")


def test_every_line_of_a_request_has_its_ids(spans: InMemorySpanExporter) -> None:
    line: dict[str, Any] = {}
    context.request_id.set("of-the-caller")
    with tracing.span("outside"):
        telemetry.add_ids(None, "info", line)
    assert line == {"request_id": "of-the-caller", "trace_id": _trace(spans.get_finished_spans()[0])}


def test_a_line_per_span_can_be_read_as_a_tree(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "traces.jsonl"
    tracing.use(trace_export.provider("order", Traces("", str(file), 1.0)))
    try:
        with tracing.span("POST /v1/orders", attributes={"request_id": "mine"}):
            with tracing.span("saga.reserve"):
                pass
            with tracing.span("saga.authorize"):
                pass
    finally:
        tracing.use(None)
    every = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    shown = list(trace_view.tree(trace_view.find(every, "mine")))
    assert [line.split("order     ")[1] for line in shown[2:]] == [
        "POST /v1/orders  (request_id=mine)",
        "  saga.reserve",
        "  saga.authorize",
    ]
    assert trace_view.find(every, every[0]["trace"]) == trace_view.find(every, "mine")
    assert not trace_view.find(every, "somebody else's")


def test_without_an_id_the_last_request_of_a_caller_is_shown() -> None:
    def spanned(name: str, start_ns: int, parent: str = "", **attributes: object) -> dict[str, Any]:
        return {"trace": name, "span": name, "parent": parent, "start_ns": start_ns, "attributes": attributes}

    rest = spanned("a request with a traceparent", 2, "of-the-caller", **{"http.response.status_code": 201})
    inside = spanned("its call", 3, rest["span"], **{"rpc.system": "grpc"}) | {"trace": rest["trace"]}
    older = spanned("an earlier one", 1, **{"rpc.system": "grpc"})
    resumed = spanned("saga.resume", 9)
    assert trace_view.find([older, inside, rest, resumed]) == [inside, rest]
    assert trace_view.find([resumed]) == []


async def test_background_calls_begin_no_trace_on_either_side(spans: InMemorySpanExporter) -> None:
    await _get("any")
    assert spans.get_finished_spans() == ()
    [(_, value)] = tracing.onward()
    assert value.endswith("-00")


def test_a_full_file_of_traces_becomes_the_older_one_for_all_who_write_to_it(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    first, second = TraceFile(path, most_bytes=100), TraceFile(path, most_bytes=100)
    for number in range(60):
        for writer in (first, second):
            writer.write(b'{"span": %04d}\n' % number)
            assert path.stat().st_size <= 120
    assert trace_file.older(path).stat().st_size <= 120
    assert path.read_bytes().splitlines()[-1] == b'{"span": 0059}'
    assert {each.name for each in tmp_path.iterdir()} == {"traces.jsonl", "traces.jsonl.1"}
    path.write_bytes(b'{"span": 2}\n{"span": ')
    trace_file.older(path).write_bytes(b'{"span": 1}\n')
    assert trace_view.read(path) == [{"span": 1}, {"span": 2}]


def test_a_ratio_of_none_keeps_only_what_the_caller_keeps(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    tracing.use(trace_export.provider("edge", Traces("", str(file), 0.0)))
    try:
        with tracing.span("begun here"):
            assert not tracing.tracing_here()
        kept = tracing.parent_in([("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")])
        with tracing.span("begun by the caller", parent=kept):
            assert tracing.onward()[0][1].startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
        with tracing.span("nonsense", parent=tracing.parent_in([("traceparent", "00-zz-zz-01")])):
            pass
    finally:
        tracing.use(None)
    assert [orjson.loads(line)["name"] for line in file.read_bytes().splitlines()] == ["begun by the caller"]


def test_a_collector_gets_the_spans_when_the_process_ends() -> None:
    received: Queue[tuple[str, ExportTraceServiceRequest]] = Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            received.put((self.path, ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=collector.serve_forever, daemon=True).start()
    provider = trace_export.provider("order", Traces(f"http://127.0.0.1:{collector.server_port}/", "", 1.0))
    tracing.use(provider)
    try:
        with tracing.span("saga.reserve"):
            pass
    finally:
        tracing.use(None)
    trace_export.close(provider)
    path, sent = received.get(timeout=10)
    collector.shutdown()
    [resource] = sent.resource_spans
    names = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert (path, names["service.name"]) == ("/v1/traces", "order")
    assert [span.name for span in resource.scope_spans[0].spans] == ["saga.reserve"]


def test_settings_of_traces_are_off_by_default_and_wrong_ones_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRACES", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER_ARG"):
        monkeypatch.delenv(name, raising=False)
    assert config.traces() is None
    monkeypatch.setenv("TRACES", "console")
    assert config.traces() == Traces("", "console", 1.0)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.01")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert config.traces() == Traces("http://collector:4318", "console", 0.01)
    for name, wrong in (("OTEL_TRACES_SAMPLER_ARG", "half"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")):
        with monkeypatch.context() as only_here:
            only_here.setenv(name, wrong)
            with pytest.raises(ConfigError, match=wrong):
                config.traces()


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def _trace(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def _parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None
