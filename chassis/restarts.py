"""Computes how long to wait before a process that ended is restarted."""

from __future__ import annotations

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0
HEALTHY_AFTER_S = 30.0
"""A process that ran this long has recovered: after its next end the delay starts from the beginning."""


def next_delay(delay_s: float, lived_s: float) -> float:
    """The delay before the next start of a process that was started after `delay_s` (0 at first) and ran for `lived_s`."""
    if delay_s == 0 or lived_s >= HEALTHY_AFTER_S:
        return FIRST_DELAY_S
    return min(delay_s * 2, LONGEST_DELAY_S)
