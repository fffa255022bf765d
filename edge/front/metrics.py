"""Metrics of the front door; chassis/METRICS.md lists all metrics."""

from __future__ import annotations

from chassis import metrics

CONNECTIONS = metrics.gauge("edge_connections", "Open connections, by their authentication", "kind")
CLOSED = metrics.counter("edge_connections_closed_total", "Connections that the front door closed", "reason")
REFUSED = metrics.counter("edge_front_refusals_total", "Requests refused before they were served", "reason")
BODIES = metrics.gauge("edge_bodies_bytes", "Bytes of bodies that are being received")
