"""The access log: one line for each request that failed or was slow. Other requests are only counted, in metrics.

It is bounded, like everything that a request can cause to be logged: an outage must not flood the log. Lines hold
names, codes and times; never a header, a body or a token.
"""

from __future__ import annotations

import time

from chassis import telemetry

log = telemetry.logger()

SLOW_S = 1.0
"""Longer than any request should take that does not wait for an external system."""
LINES_PER_S = 10
"""Lines of all kinds together."""
FAILED = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Codes that report a fault of the server; the others report a fault of the request."""


MOST_CHARACTERS = 500
"""Limit for an exception's text in a line: it may hold data that the caller sent."""
KIND = ("method", "route", "code", "status", "reason", "kind")
"""Facts by which two notes of one event differ in kind. None of them holds a value that a caller can choose freely."""


class BoundedLog:
    """Writes at most one line of each kind a second, and LINES_PER_S in total. `log.left_out` then reports how many lines
    were dropped."""

    def __init__(self) -> None:
        self._second = 0
        self._kinds: set[tuple[object, ...]] = set()
        self._left_out = 0

    def note(self, event: str, raised: BaseException | None = None, **facts: str | float) -> None:
        """Logs one failure; the line has the traceback of `raised`."""
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._kinds.clear()
            if self._left_out:
                log.warning("log.left_out", lines=self._left_out)
                self._left_out = 0
        if raised is not None:
            facts.setdefault("kind", _kind_of(raised))
        kind = (event, *(facts.get(name) for name in KIND))
        if kind in self._kinds or len(self._kinds) >= LINES_PER_S:
            self._left_out += 1
            return
        self._kinds.add(kind)
        if raised is None:
            log.warning(event, **facts)
        else:
            log.error(event, exc_info=raised, **facts)


def _kind_of(raised: BaseException) -> str:
    """The exception's class, and the line that raised it."""
    trace = raised.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(raised).__qualname__}{where}"


requests = BoundedLog()
"""Requests that failed or were slow."""
refusals = BoundedLog()
"""Requests that were rejected before a handler saw them."""
bugs = BoundedLog()
"""Unexpected exceptions, with their tracebacks."""
outages = BoundedLog()
"""Servers that do not answer, noted by each request that needs them."""
