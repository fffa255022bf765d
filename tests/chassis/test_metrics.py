"""Metrics: counted by the product, exposed in Prometheus' format."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from structlog.testing import capture_logs

from chassis import access, config, exposition, metrics
from chassis.access import BoundedLog
from chassis.config import ConfigError
from chassis.local import ports
from tests import servers


@pytest.fixture(autouse=True)
def declared_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declarations of a test end with it."""
    monkeypatch.setattr(metrics, "_declared", {})


@pytest.fixture
def address() -> Iterator[str]:
    """The address of the exposition."""
    address = f"127.0.0.1:{ports.free()}"
    server = exposition.listen(address)
    assert server is not None
    yield address
    server.shutdown()
    server.server_close()


def test_what_is_counted_is_what_prometheus_reads(address: str) -> None:
    metrics.counter("things_total", "Things", "colour").of("red").add(2)
    metrics.gauge("depth", "Depth").set(7)
    seconds = metrics.histogram("wait_seconds", "Wait", bounds=(0.1, 1.0))
    for value in (0.1, 0.5, 3):
        seconds.observe(value)
    shown = httpx.get(f"http://{address}/metrics").text.splitlines()
    assert 'things_total{colour="red"} 2.0' in shown
    assert "depth 7.0" in shown
    assert [line for line in shown if line.startswith("wait_seconds")] == [
        'wait_seconds_bucket{le="0.1"} 1.0',
        'wait_seconds_bucket{le="1.0"} 2.0',
        'wait_seconds_bucket{le="+Inf"} 3.0',
        "wait_seconds_count 3.0",
        "wait_seconds_sum 3.6",
    ]
    assert any(line.startswith("process_resident_memory_bytes") for line in shown)


def test_a_gauge_can_be_read_when_somebody_looks() -> None:
    queue = [1, 2, 3]
    gauge = metrics.gauge("waiting", "Waiting")
    gauge.read_from(lambda: len(queue))
    queue.pop()
    assert gauge.now() == 2


def test_nobody_can_fill_the_memory_with_label_values() -> None:
    family = metrics.counter("asked_total", "Asked", "what")
    for number in range(metrics.MOST_CHILDREN + 50):
        family.of(str(number)).add()
    assert len(family.children()) == metrics.MOST_CHILDREN + 1
    assert family.of("yet another").value == 50


def test_a_metric_has_one_declaration() -> None:
    metrics.gauge("depth", "Depth")
    with pytest.raises(ValueError, match="declared twice"):
        metrics.gauge("depth", "Another")


def test_a_port_that_is_taken_is_a_warning_and_is_had_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "AGAIN_S", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as predecessor:
        address = f"127.0.0.1:{predecessor.getsockname()[1]}"
        with capture_logs() as lines:
            assert exposition.listen(address) is None
        assert [(line["event"], line["log_level"]) for line in lines] == [("metrics.not_shown", "warning")]

    def shown() -> bool:
        try:
            return httpx.get(f"http://{address}/metrics").status_code == 200
        except httpx.ConnectError:
            return False

    servers.wait_for(shown, "the metrics are shown")


def test_workers_of_one_service_show_their_metrics_ten_ports_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.metrics_address("inventory") == "127.0.0.1:9151"
    monkeypatch.setenv("WORKER_NUMBER", "2")
    assert config.metrics_address("inventory") == "127.0.0.1:9171"
    monkeypatch.setenv("INVENTORY_METRICS_ADDRESS", "")
    assert config.metrics_address("inventory") == ""
    monkeypatch.setenv("INVENTORY_METRICS_ADDRESS", "here")
    with pytest.raises(ConfigError):
        config.metrics_address("inventory")


def test_a_flood_of_failures_writes_few_lines_and_says_how_many_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("chassis.access.time.monotonic", lambda: now)
    log = BoundedLog()
    with capture_logs() as lines:
        for kind in range(access.LINES_PER_S + 5):
            for seconds in range(10):
                log.note("access.rpc", method=f"method {kind}", code="UNAVAILABLE", seconds=seconds)
        assert [line["method"] for line in lines] == [f"method {kind}" for kind in range(access.LINES_PER_S)]
        now = 101.0
        log.note("access.rpc", method="method 0", code="UNAVAILABLE")
    missing = 10 * (access.LINES_PER_S + 5) - access.LINES_PER_S
    assert lines[-2] == {"event": "log.left_out", "log_level": "warning", "lines": missing}


def test_a_bug_that_every_request_meets_writes_one_traceback_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.access.time.monotonic", lambda: 100.0)
    log = BoundedLog()
    with capture_logs() as lines:
        for number in range(50):
            try:
                raise KeyError(number)
            except KeyError as error:
                log.note("rpc.failed", error, error=repr(error))
        log.note("rpc.failed", ValueError("another"))
    assert [line["kind"].split()[0] for line in lines] == ["KeyError", "ValueError"]
