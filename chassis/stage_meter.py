"""Metrics of stages: work that is done in batches. Counted per batch, never per request."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from chassis import metrics

BATCH_ITEMS = metrics.histogram("stage_batch_items", "Requests that one batch served", "stage", bounds=metrics.SIZES)
BATCH_SECONDS = metrics.histogram("stage_batch_seconds", "From a batch's beginning to its end", "stage")
WAIT_SECONDS = metrics.histogram("stage_wait_seconds", "How long the first request of a batch waited for it", "stage")
QUEUE_ITEMS = metrics.gauge("stage_queue_items", "Requests that wait for their batch", "stage")


class StageMeter:
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
