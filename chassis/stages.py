"""Stages of a request: work that is done in batches, with a name for metrics and traces.

A batch serves many requests. Each traced request has a span for the batch in its own trace. The span of the first one
contains the work of the batch (script, SQL); the others link to it.
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
    """A queued item and the span of its request (None: not traced)."""

    item: T
    request: Span | None
    since_ns: int


class TracedBatcher(Generic[T, R]):
    """A Batcher whose items keep the span of their request."""

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
        """Records how long each traced request waited. Returns the batch's spans; the first will contain its work."""
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
    """A Batcher with these arguments; a TracedBatcher when the process traces."""
    return TracedBatcher(name, flush, limits) if tracing.active() else Batcher(flush, name=name, **limits)
