"""The access log: one line for each request that failed or was slow, none for the others; metrics count those.

Bounded, as everything that a request can cause to be logged: an outage must not write more than it serves. Lines hold
names, codes and times; never a header, a body or a token.
"""

from __future__ import annotations

import time

from chassis import telemetry

log = telemetry.logger()

SLOW_S = 1.0
"""Longer than any request should take that waits for nobody outside."""
LINES_PER_S = 10
FAILED = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Codes that say something about us; the others say something about the request."""


class BoundedLog:
    """Writes at most LINES_PER_S lines a second; the first one after a flood says how many were left out."""

    def __init__(self) -> None:
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def note(self, event: str, **facts: str | float) -> None:
        """One thing that went wrong."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= LINES_PER_S:
            self._left_out += 1
            return
        self._lines += 1
        if self._left_out:
            log.warning("log.left_out", lines=self._left_out)
            self._left_out = 0
        log.warning(event, **facts)


requests = BoundedLog()
"""Requests that failed or were slow."""
outages = BoundedLog()
"""Servers that do not answer, told by each request that needs them."""
