"""The audit's decision: which differences between gate and journal are drift, and when that is certain. No I/O, no clock.

A take that is under way makes the gate's number smaller for a moment, and so does a give. Nothing makes it larger than the
journal's but a decrease by hand that it has not heard of, which is noted. So a surplus is certain as soon as the journal
stood still around the look; a lack is one only if the gate stood still as well, and both only if they stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

LOOKS = 3
"""So often the same mismatch is seen before it is believed."""
LOOK_AGAIN_MS = 100_000
"""Between two looks: longer than any take is between gate and journal (three tries of a statement, each ended by Postgres
after 30 s) and longer than the sweeper needs for what a crash left (90 s), so no two looks see the same one."""
STILL_MS = 1_000
"""Between the two readings of a look at a lack: a take that is under way has arrived by then."""
MOST_SUSPECTS = 500
"""Looked at in one statement and one command. More are found again by the next walk."""

Cause: TypeAlias = Literal["UNKNOWN", "COUNTER_MISSING", "COUNTER_WITHOUT_LEVEL"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One level as journal and gate had it. `version` is the journal's, 0 where it has no such level; `steady`: it was
    the same before and after the gate was read, and no change by hand was on its way."""

    key: str
    expected: int
    found: int | None
    version: int
    steady: bool

    @property
    def difference(self) -> int:
        """Above zero: the gate would let through what the journal refuses. Below: units that nobody can buy."""
        return (self.found or 0) - self.expected


@dataclass(slots=True)
class Suspect:
    """A level that differed: how often it was seen so, and what it was read as when the look that is open began."""

    key: str
    due_ms: int = 0
    looks: int = 0
    difference: int = 0
    found: int | None = None
    version: int = -1


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference that is certain."""

    key: str
    expected: int
    found: int
    cause: Cause

    @property
    def units(self) -> int:
        """Above zero: the gate has more than the journal."""
        return self.found - self.expected


class Suspects:
    """What the audit remembers of levels that differed, from look to look."""

    def __init__(self, known: Iterable[Suspect] = ()) -> None:
        self._known = {suspect.key: suspect for suspect in known}

    def __len__(self) -> int:
        return len(self._known)

    def all(self) -> list[Suspect]:
        """To be kept until the next round."""
        return list(self._known.values())

    def add(self, key: str) -> None:
        """A walk saw a difference: look at it properly, soon."""
        if len(self._known) < MOST_SUSPECTS:
            self._known.setdefault(key, Suspect(key))

    def clear(self) -> None:
        """The gate is a new one."""
        self._known.clear()

    def due(self, now_ms: int) -> list[str]:
        """Keys to be read now."""
        return [suspect.key for suspect in self._known.values() if suspect.due_ms <= now_ms]

    def postpone(self, now_ms: int) -> None:
        """Another process looked at these, by another clock: begin a look no earlier than it would have by ours."""
        for suspect in self._known.values():
            suspect.due_ms, suspect.version = now_ms + LOOK_AGAIN_MS, -1

    def judge(self, readings: Iterable[Reading], now_ms: int) -> list[Drift]:
        """Takes what was read of due keys; answers those that are certain by now."""
        certain = []
        for reading in readings:
            suspect = self._known.get(reading.key)
            if suspect is not None and reading.steady and self._counts(suspect, reading, now_ms):
                suspect.looks = suspect.looks + 1 if _is_same(suspect, reading) else 1
                suspect.difference, suspect.version = reading.difference, -1
                suspect.due_ms = now_ms + LOOK_AGAIN_MS
                if suspect.looks >= LOOKS:
                    certain.append(Drift(reading.key, reading.expected, reading.found or 0, _cause(reading)))
        return certain

    def _counts(self, suspect: Suspect, reading: Reading, now_ms: int) -> bool:
        """Whether this reading completes a look; forgets the suspect when there is nothing to see."""
        if reading.difference == 0:
            del self._known[reading.key]
            return False
        if reading.difference > 0 or (reading.version, reading.found) == (suspect.version, suspect.found):
            return True
        suspect.version, suspect.found, suspect.due_ms = reading.version, reading.found, now_ms + STILL_MS
        return False


def _is_same(suspect: Suspect, reading: Reading) -> bool:
    """A surplus that is sold from looks smaller while takes are under way; that there is one is as certain."""
    return suspect.difference == reading.difference or (suspect.difference > 0 and reading.difference > 0)


def _cause(reading: Reading) -> Cause:
    if reading.found is None:
        return "COUNTER_MISSING"
    return "UNKNOWN" if reading.version else "COUNTER_WITHOUT_LEVEL"
