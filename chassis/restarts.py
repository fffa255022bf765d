"""How long to wait before a process that ended is started again."""

from __future__ import annotations

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0
HEALTHY_AFTER_S = 30.0
"""A process that lived this long has recovered: its next end is a new story."""


def next_delay(delay_s: float, lived_s: float) -> float:
    """The wait before the next start, after one that waited `delay_s` (0 for the first) and lived `lived_s`."""
    if delay_s == 0 or lived_s >= HEALTHY_AFTER_S:
        return FIRST_DELAY_S
    return min(delay_s * 2, LONGEST_DELAY_S)
