"""Stages of a request: work that is done in batches, under a name that metrics and traces know.

A batch serves many requests. Each traced one has a span of the batch in its own trace; the first one's holds what the batch
did inside (script, SQL), and the others' link to that.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from opentelemetry import trace
from opentelemetry.trace import Span

from chassis import tracing
from chassis.batcher import Batcher

T = TypeVar("T")
R = TypeVar("R")
Flush = Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]]


class Waiting(NamedTuple, Generic[T]):
    """An item in the queue, and the span of its request (None: not traced)."""

    item: T
    request: Span | None
    since_ns: int


class TracedBatcher(Generic[T, R]):
    """A Batcher whose items remember who waits for them."""

    def __init__(self, name: str, flush: Flush[T, R], limits: dict[str, Any]) -> None:
        weight: Callable[[T], int] = limits.pop("weight", lambda _item: 1)
        self._name = name
        self._flush = flush
        self._inner: Batcher[Waiting[T], R] = Batcher(
            self._flush_traced, name=name, weight=lambda waiting: weight(waiting.item), **limits
        )

    def start(self) -> None:
        """As Batcher's."""
        self._inner.start()

    async def close(self) -> None:
        """As Batcher's."""
        await self._inner.close()

    async def empty(self) -> None:
        """As Batcher's."""
        await self._inner.empty()

    async def submit(self, item: T) -> R:
        """As Batcher's."""
        request = trace.get_current_span() if tracing.tracing_here() else None
        return await self._inner.submit(Waiting(item, request, time.time_ns() if request else 0))

    async def _flush_traced(self, batch: Sequence[Waiting[T]]) -> Sequence[R | Exception]:
        items = [waiting.item for waiting in batch]
        spans = self._begin(batch)
        if not spans:
            return await self._flush(items)
        try:
            with trace.use_span(spans[0]):
                return await self._flush(items)
        finally:
            for span in spans:
                span.end()

    def _begin(self, batch: Sequence[Waiting[T]]) -> list[Span]:
        """Tells how long each traced request waited; the spans of the batch, the one that holds its inside first."""
        now_ns = time.time_ns()
        spans: list[Span] = []
        for waiting in batch:
            if waiting.request is None:
                continue
            tracing.begin(f"{self._name}.wait", waiting.request, waiting.since_ns).end(now_ns)
            links = [trace.Link(spans[0].get_span_context())] if spans else []
            span = tracing.begin(f"{self._name}.batch", waiting.request, now_ns, links)
            span.set_attribute("batch.items", len(batch))
            spans.append(span)
        return spans


def stage(name: str, flush: Flush[T, R], **limits: Any) -> Any:
    """A Batcher with these arguments, or one that tells traces where the process traces."""
    return TracedBatcher(name, flush, limits) if tracing.active() else Batcher(flush, name=name, **limits)
