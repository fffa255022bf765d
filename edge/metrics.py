"""Counts and latencies by route template; the table of names is in the README."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    generate_latest,
)

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
"""Other verbs are counted as OTHER: a caller must not be able to make labels up."""


class Metrics:
    """The edge's numbers, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._requests = Counter(
            "edge_requests", "REST requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "edge_request_seconds",
            "Time from request to answer",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._in_flight = Gauge("edge_requests_in_flight", "REST requests being served", registry=self._registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        known = method if method in METHODS else "OTHER"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def exposition(self, in_flight: int) -> bytes:
        """Everything in Prometheus' text format."""
        self._in_flight.set(in_flight)
        return generate_latest(self._registry)
