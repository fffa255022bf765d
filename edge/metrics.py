"""Counts and latencies of REST requests by route template; chassis/METRICS.md lists all metrics."""

from __future__ import annotations

from chassis import access, metrics

UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
"""Other methods are counted as OTHER: a caller must not be able to create labels."""
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

REQUESTS = metrics.counter("edge_requests_total", "REST requests served", "method", "route", "status")
SECONDS = metrics.histogram("edge_request_seconds", "From a REST request to its response", "method", "route")
IN_FLIGHT = metrics.gauge("edge_requests_in_flight", "REST requests being served")


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Counts one finished request, and logs it if it failed or was slow."""
    known = method if method in METHODS else "OTHER"
    REQUESTS.of(known, route, str(status)).value += 1
    SECONDS.of(known, route).observe(seconds)
    if route in PROBES:
        return  # probed every second, and the causes of their failures are logged elsewhere
    if status >= 500 or seconds > access.SLOW_S:
        access.requests.note("access.rest", method=known, route=route, status=status, seconds=round(seconds, 4))
