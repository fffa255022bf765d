"""What belongs to the request being served: its id, its caller and its deadline, carried by context variables."""

from __future__ import annotations

import time
from contextvars import ContextVar

REQUEST_ID_KEY = "x-request-id"
CALLER_KEY = "x-caller"
"""Metadata in which the edge says whose request it is. A name for page tokens, no proof of anything: whoever reaches a service
may send any."""
MOST_CHARACTERS = 100
"""Of both; the rest is cut off."""
DEFAULT_DEADLINE_S = 5.0
"""For callers that set none: longer than any healthy answer, short enough that nobody waits on a dead one."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
caller: ContextVar[str] = ContextVar("caller", default="")
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def set_deadline(seconds: float) -> None:
    """The request must be answered within `seconds` from now."""
    _deadline.set(time.monotonic() + seconds)


def remaining_s(most: float = DEFAULT_DEADLINE_S) -> float:
    """Seconds left, at most `most`; `most` where no request is being served, never below zero."""
    deadline = _deadline.get()
    return most if deadline is None else max(0.0, min(most, deadline - time.monotonic()))
