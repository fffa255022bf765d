"""Metrics of the gate and the journal: counted per batch, never per request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from chassis import metrics, tracing

BATCH_ITEMS = metrics.histogram("stage_batch_items", "Requests that one batch served", "stage", bounds=metrics.SIZES)
BATCH_SECONDS = metrics.histogram("stage_batch_seconds", "From a batch's beginning to its end", "stage")
WAIT_SECONDS = metrics.histogram("stage_wait_seconds", "How long the first request of a batch waited for it", "stage")
QUEUE_ITEMS = metrics.gauge("stage_queue_items", "Requests that wait for their batch", "stage")

SCRIPT_SECONDS = metrics.histogram("gate_script_seconds", "From sending a script of the gate to its answer", "script")
REFUSALS = metrics.counter("gate_refusals_total", "Reservations that the gate refused", "reason")
SHORT, REUSED = REFUSALS.of("short"), REFUSALS.of("reused")
STALE = metrics.counter("gate_stale_retries_total", "Reservations that went through the gate again in another epoch")
EPOCH = metrics.gauge("gate_epoch", "The epoch in which this process serves; 0 before the first")
REBUILDS = metrics.counter("gate_rebuilds_total", "Rebuilds of the gate by this process", "outcome")
REBUILD_SECONDS = metrics.gauge("gate_rebuild_last_seconds", "How long the last rebuild by this process took")

CALL_SECONDS = metrics.histogram("journal_call_seconds", "One transaction of the journal, with its connection", "call")
BREAKER = metrics.gauge("journal_breaker_open", "1 while requests are refused because the journal failed just now")
GUARD_REFUSALS = metrics.counter(
    "journal_guard_refusals_total", "Takes that the gate let through and the journal refused"
)
ROWS_REFUSED = metrics.counter("journal_rows_refused_total", "Takes whose row violated a constraint")

LOOKED_AT = metrics.counter("sweeper_looked_at_total", "Entries of the gate that the sweeper compared to the journal")
GIVEN_BACK = metrics.counter("sweeper_given_back_total", "Entries that the sweeper gave back: a crash had left them")
TOMBSTONES = metrics.counter("sweeper_tombstones_total", "Takes that never reached the journal, made dead there")
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


class Stage:
    """One stage's batches."""

    def __init__(self, name: str, waiting: Callable[[], int]) -> None:
        self._items = BATCH_ITEMS.of(name)
        self._seconds = BATCH_SECONDS.of(name)
        self._wait = WAIT_SECONDS.of(name)
        self._since = 0.0
        QUEUE_ITEMS.of(name).read_from(waiting)

    def waits(self) -> None:
        """A request came to an empty queue."""
        self._since = perf_counter()

    def begins(self, items: int) -> float:
        """A batch of so many was taken from the queue; pass the answer to `ends`."""
        now = perf_counter()
        self._items.observe(items)
        self._wait.observe(now - self._since)
        self._since = now  # for those who did not fit
        return now

    def ends(self, began: float) -> None:
        """The batch was answered."""
        self._seconds.observe(perf_counter() - began)
