"""Metrics of live push; chassis/METRICS.md lists all metrics."""

from __future__ import annotations

from chassis import metrics

CONNECTIONS = metrics.gauge("edge_push_connections", "Clients that are connected for live events", "kind")
SENT = metrics.counter("edge_push_events_total", "Events sent to clients, counted once per client", "kind")
SLOW = metrics.counter("edge_push_slow_closes_total", "Clients that were closed because they read too slowly")
DELAY = metrics.histogram("edge_push_delay_seconds", "From an event to sending it to a client; the oldest of a message")
GRAPHQL = metrics.gauge("edge_graphql_connections", "WebSockets of GraphQL, with and without subscriptions")
REFUSED = metrics.counter(
    "edge_push_refused_total",
    "Live connections that found no place: of this process, of their ticket or address",
    "why",
)
WAITING_BYTES = metrics.gauge("edge_push_waiting_bytes", "Events that wait for clients, as JSON; several may share one")
SOCKET_BYTES = metrics.gauge("edge_push_socket_bytes", "Written to clients and not yet taken by the system")
FILLS = metrics.counter("edge_push_gap_fills_total", "Events that the broker had not brought and the service's log had")
REPEATS = metrics.counter("edge_push_repeats_total", "Events that came again and were dropped")
RECONNECTS = metrics.counter(
    "edge_push_tail_reconnects_total", "Times that the broker was lost and is looked for again"
)
