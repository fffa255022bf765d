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
    "Live connections refused because no place was left: in this process, for their ticket or address",
    "why",
)
WAITING_BYTES = metrics.gauge(
    "edge_push_waiting_bytes", "Events queued for clients, as JSON; several clients may share one"
)
SOCKET_BYTES = metrics.gauge("edge_push_socket_bytes", "Written to clients and not yet taken by the kernel")
FILLS = metrics.counter(
    "edge_push_gap_fills_total", "Events that the broker did not deliver and that the service's log had"
)
REPEATS = metrics.counter("edge_push_repeats_total", "Events that were received again and dropped")
RECONNECTS = metrics.counter("edge_push_tail_reconnects_total", "Times that the broker was lost and a reconnect began")
