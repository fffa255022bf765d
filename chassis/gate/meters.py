"""Metrics of the gate and the journal: counted per batch, never per request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chassis import metrics, tracing

SCRIPT_SECONDS = metrics.histogram("gate_script_seconds", "From sending a script of the gate to its answer", "script")
REFUSALS = metrics.counter("gate_refusals_total", "Reservations that the gate refused", "reason")
SHORT, REUSED = REFUSALS.of("short"), REFUSALS.of("reused")
STALE = metrics.counter("gate_stale_retries_total", "Reservations that went through the gate again in another epoch")
EPOCH = metrics.gauge("gate_epoch", "The epoch in which this process serves; 0 before the first")
REBUILDS = metrics.counter("gate_rebuilds_total", "Rebuilds of the gate by this process", "outcome")
REBUILD_SECONDS = metrics.gauge("gate_rebuild_last_seconds", "How long the last rebuild by this process took")
RESTORES = metrics.counter(
    "gate_restores_noticed_total", "How often this process found that the journal was restored from a backup"
)

MEMORY = metrics.gauge("gate_memory_bytes", "Memory that the gate's server uses, with all its databases")
MEMORY_MOST = metrics.gauge(
    "gate_memory_most_bytes", "Memory that this server may use: maxmemory, or all of its machine's"
)

CALL_SECONDS = metrics.histogram("journal_call_seconds", "One transaction of the journal, with its connection", "call")
BREAKER = metrics.gauge("journal_breaker_open", "1 while requests are refused because the journal failed just now")
GUARD_REFUSALS = metrics.counter(
    "journal_guard_refusals_total", "Takes that the gate let through and the journal refused"
)
ROWS_REFUSED = metrics.counter("journal_rows_refused_total", "Takes whose row violated a constraint")

LOOKED_AT = metrics.counter("sweeper_looked_at_total", "Entries of the gate that the sweeper compared to the journal")
GIVEN_BACK = metrics.counter("sweeper_given_back_total", "Entries that the sweeper gave back: a crash had left them")
TOMBSTONES = metrics.counter(
    "sweeper_tombstones_total", "Takes that never reached the journal and got a tombstone there"
)
SETTLED = metrics.counter(
    "reservations_settled_total", "Reservations (in promo: redemptions) that moved to a state", "state"
)
LATE_ADJUSTMENTS = metrics.counter(
    "gate_adjustments_late_total", "Changes that the gate learned from the background job"
)


@contextmanager
def script(name: str) -> Iterator[None]:
    """Around one call of a script."""
    with tracing.inner(f"gate.script {name}"), SCRIPT_SECONDS.of(name).timed():
        yield
