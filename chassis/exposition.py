"""Serves this process's metrics to Prometheus: in its text format, over HTTP on a separate address."""

from __future__ import annotations

import platform
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from chassis import metrics, release, telemetry, watchdog
from chassis.metrics import Family, Number, Spread

log = telemetry.logger()

AGAIN_S = 2.0
"""Pause between attempts to listen on an address that is in use."""

BUILD = metrics.gauge("build_info", "Always 1; the labels are the release and the Python version", "version", "python")


class Declared(Collector):
    """Converts the declared metrics for prometheus-client."""

    def collect(self) -> Iterable[Metric]:
        """Called at each scrape."""
        for family in metrics.declared():
            yield _shown(family)


def registry() -> CollectorRegistry:
    """The declared metrics, and the library's own about this process: CPU, memory, open files, garbage collections."""
    made = CollectorRegistry()
    BUILD.of(release.name(), platform.python_version()).set(1)
    ProcessCollector(registry=made)
    GCCollector(registry=made)
    made.register(Declared())
    return made


def text() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry())


def listen(address: str, again: bool = False) -> WSGIServer | None:
    """Serves `GET /metrics` and `/readyz` at host:port from a separate thread, until shut down; None without an address.

    A thread, because metrics matter most when the loop is busy or hangs. A port in use is only a warning, because the process
    can serve without metrics. Listening is retried, since a draining predecessor releases its port.
    """
    if not address:
        return None
    host, _, port = address.rpartition(":")
    try:
        server = make_server(host.strip("[]"), int(port), _application(), _family(host), _Quiet)
    except (OSError, OverflowError) as taken:
        if not again:
            log.warning("metrics.not_shown", address=address, error=str(taken))
        later = threading.Timer(AGAIN_S, listen, (address, True))
        later.daemon = True
        later.start()
        return None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    log.debug("metrics.listening", address=address)
    return server


class _Quiet(WSGIRequestHandler):
    """A handler that does not log requests."""

    def log_message(self, format: str, *args: Any) -> None:
        """Does nothing."""


class _Six(ThreadingWSGIServer):
    """A server at an IPv6 address."""

    address_family = socket.AF_INET6


def _family(host: str) -> type[ThreadingWSGIServer]:
    return _Six if ":" in host else ThreadingWSGIServer


def _application() -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    shown = make_wsgi_app(registry())

    def answer(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environment["PATH_INFO"] != "/readyz":
            found: Iterable[bytes] = shown(environment, start)
            return found
        wrong = watchdog.complaint()
        start("503 Service Unavailable" if wrong else "200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{wrong or 'ready'}\n".encode()]

    return answer


def _shown(family: Family[Number] | Family[Spread]) -> Metric:
    if family.kind == "histogram":
        spreads = HistogramMetricFamily(family.name, family.meaning, labels=family.labels)
        for values, child in family.children():
            if isinstance(child, Spread):
                spreads.add_metric(values, child.buckets(), child.total)
        return spreads
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    numbers = kind(family.name, family.meaning, labels=family.labels)
    for values, child in family.children():
        if isinstance(child, Number):
            numbers.add_metric(values, child.now())
    return numbers
