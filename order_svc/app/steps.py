"""One step of a saga: runs it, and notes its outcome in the step log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias, TypeVar

from chassis import tracing
from order_svc.domain.errors import Refused, Unreachable
from order_svc.domain.saga import Progress

Clock: TypeAlias = Callable[[], datetime]
T = TypeVar("T")
MOST_CHARACTERS = 300
"""Length of a failure's text in the step log: enough to recognise it."""


async def take(progress: Progress, clock: Clock, step: str, call: Awaitable[T]) -> T:
    """Awaits the call and notes the step's outcome: ok, an error's reason, or a dependency's message."""
    try:
        with tracing.inner(f"saga.{step}"):
            result = await call
    except Refused as no:
        progress.note(step, no.reason, clock())
        raise
    except Unreachable as failed:
        progress.note(step, failed.detail[:MOST_CHARACTERS], clock())
        raise
    progress.note(step, "ok", clock())
    return result
