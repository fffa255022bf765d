"""Metrics of stages: work that is done in batches. Counted per batch, never per request."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from chassis import metrics

BATCH_ITEMS = metrics.histogram("stage_batch_items", "Requests that one batch served", "stage", bounds=metrics.SIZES)
BATCH_SECONDS = metrics.histogram("stage_batch_seconds", "From a batch's beginning to its end", "stage")
WAIT_SECONDS = metrics.histogram("stage_wait_seconds", "How long the first request of a batch was queued", "stage")
QUEUE_ITEMS = metrics.gauge("stage_queue_items", "Requests that are queued for a batch", "stage")


class StageMeter:
    """Measures the batches of one stage."""

    def __init__(self, name: str, waiting: Callable[[], int]) -> None:
        self._items = BATCH_ITEMS.of(name)
        self._seconds = BATCH_SECONDS.of(name)
        self._wait = WAIT_SECONDS.of(name)
        self._since = 0.0
        QUEUE_ITEMS.of(name).read_from(waiting)

    def waits(self) -> None:
        """Call it when a request enters an empty queue."""
        self._since = perf_counter()

    def begins(self, items: int) -> float:
        """Call it when a batch of `items` was taken from the queue; pass the result to `ends`."""
        now = perf_counter()
        self._items.observe(items)
        self._wait.observe(now - self._since)
        self._since = now  # for requests that did not fit into the batch
        return now

    def ends(self, began: float) -> None:
        """Call it when the batch is finished."""
        self._seconds.observe(perf_counter() - began)
