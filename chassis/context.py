"""The id, the caller and the deadline of the request being served, in context variables."""

from __future__ import annotations

import time
from contextvars import ContextVar

REQUEST_ID_KEY = "x-request-id"
CALLER_KEY = "x-caller"
"""Metadata in which the edge names the caller, to bind page tokens. It is not proof of identity: any client that reaches a
service can send any value."""
MOST_CHARACTERS = 100
"""Limit for both values; longer ones are cut."""
DEFAULT_DEADLINE_S = 5.0
"""For callers that set none: longer than any healthy call takes, and short enough to give up on a dead one."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
caller: ContextVar[str] = ContextVar("caller", default="")
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def set_deadline(seconds: float) -> None:
    """Sets the deadline of the request to `seconds` from now."""
    _deadline.set(time.monotonic() + seconds)


def remaining_s(most: float = DEFAULT_DEADLINE_S) -> float:
    """Seconds until the deadline, from zero to `most`; `most` when no request is being served."""
    deadline = _deadline.get()
    return most if deadline is None else max(0.0, min(most, deadline - time.monotonic()))
