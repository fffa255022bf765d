"""The telemetry of a running product: one order's trace over all processes, and every process's metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from chassis import trace_view
from chassis.local import ports
from chassis.local.config import ROOT
from tests import servers, stack
from tests.stack import Stack

Span = dict[str, Any]

OF_THE_CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, CALLER = OF_THE_CALLER.split("-")[1:3]
RESERVE = "inventory.v1.ReservationService/ReserveStock"
REDEEM = "promo.v1.PromotionService/RedeemPromotions"
PLACE = "order.v1.OrderService/PlaceOrder"
POLLED = "common.v1.EventService/ListEvents"
EDGE = "POST /v1/orders"

SHOWN = {
    "edge": ("edge_requests_total", 'route="/v1/orders",status="201"'),
    "order": ("saga_transitions_total", 'state="CONFIRMED"'),
    "inventory": ("reservations_settled_total", 'state="COMMITTED"'),
    "promo": ("stage_batch_items_count", 'stage="gate.reserve"'),
}
"""A counter of each process that one order increments."""


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Path]]:
    """A product that writes its traces to a file."""
    file = tmp_path_factory.mktemp("traces") / "traces.jsonl"
    metrics = {f"{process.upper()}_METRICS_ADDRESS": f"127.0.0.1:{ports.free()}" for process in SHOWN}
    with stack.running(TRACES=str(file), SEED="on", **metrics) as running:
        yield running, file


def test_one_trace_holds_edge_order_inventory_promo_gate_and_journal(traced: tuple[Stack, Path]) -> None:
    product, file = traced
    order = {
        "lines": [{"sku": "SERUM-30", "quantity": 1}],
        "customer": {"id": "traced", "email": "traced@example.com"},
        "codes": ["WELCOME10"],
        "currency": "EUR",
        "channel": "web",
        "payment": {"provider": "sandbox", "token": "tok_ok"},
    }
    headers = {**product.headers, "traceparent": OF_THE_CALLER, "X-Request-Id": "an-order-to-look-at"}
    placed = httpx.post(f"{product.edge}/v1/orders", json=order, headers=headers, timeout=30)
    assert placed.status_code == 201, placed.text
    servers.wait_for(lambda: any(span["name"] == EDGE for span in _spans(file)), "the root span is written", 20)
    spans = _spans(file)
    ways = {_way(span, spans) for span in spans}

    at_edge = [("edge", EDGE), ("edge", PLACE), ("order", PLACE)]
    reserve = [*at_edge, ("order", "saga.reserve"), ("order", RESERVE), ("inventory", RESERVE)]
    redeem = [*at_edge, ("order", "saga.redeem"), ("order", REDEEM), ("promo", REDEEM)]
    for service, rpc in (("inventory", reserve), ("promo", redeem)):
        for inside in ("gate.reserve.wait", "gate.reserve.batch", "journal.reserve.wait", "journal.reserve.batch"):
            assert (*rpc, (service, inside)) in ways
        assert (*rpc, (service, "gate.reserve.batch"), (service, "gate.script reserve")) in ways
    assert (*at_edge, ("order", "saga.authorize")) in ways, "the payment provider's call"
    assert any(name.startswith("sql SELECT journal_reserve") for *_, (_, name) in ways)
    [root] = [span for span in spans if span["name"] == EDGE]
    assert (root["parent"], root["attributes"]["request_id"]) == (CALLER, "an-order-to-look-at")


def test_the_trace_can_be_read_without_any_other_tool(traced: tuple[Stack, Path]) -> None:
    _, file = traced
    every = trace_view.read(file)
    assert not [span for span in every if span["name"] == POLLED], "the edge's own polls are not traced"
    shown = list(trace_view.tree(trace_view.find(every, "an-order-to-look-at")))
    assert shown[0].startswith(f"trace {TRACE}: ")
    assert [line for line in shown if "order     " in line and "saga.reserve" in line]


@pytest.mark.parametrize("process", SHOWN)
def test_every_process_shows_its_metrics_and_only_documented_ones(traced: tuple[Stack, Path], process: str) -> None:
    product, _ = traced
    address = product.environment[f"{process.upper()}_METRICS_ADDRESS"]
    lines = httpx.get(f"http://{address}/metrics").text.splitlines()
    name, labels = SHOWN[process]
    [shown] = [line for line in lines if line.startswith(f"{name}{{") and labels in line]
    assert float(shown.rsplit(" ", 1)[1]) >= 1
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    table = (ROOT / "chassis" / "METRICS.md").read_text()
    assert [name for name in names if f"`{name}`" not in table] == []
    assert {"process_resident_memory_bytes", "python_gc_collections_total", "build_info"} <= names


def _spans(file: Path) -> list[Span]:
    """Spans of the order's trace; a line that is being written is skipped."""
    if not file.exists():
        return []
    every = [orjson.loads(line) for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return [span for span in every if span["trace"] == TRACE]


def _way(span: Span, spans: list[Span]) -> tuple[tuple[str, str], ...]:
    """(process, name) of the span and all its ancestors, outermost first."""
    by_id = {each["span"]: each for each in spans}
    way = [(span["process"], span["name"])]
    while span["parent"] in by_id:
        span = by_id[span["parent"]]
        way.append((span["process"], span["name"]))
    return tuple(reversed(way))
