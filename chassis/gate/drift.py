"""The audit's decision: which differences between gate and journal are drift, and when that is certain. No I/O, no clock.

A take that is under way makes the gate's number smaller for a moment, and so does a give. Only a decrease by hand that has
not reached the gate makes it larger than the journal's, and such a decrease is recorded. So a surplus counts if the journal
did not change around the look; a deficit counts only if the gate did not change either; and both only if they persist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

LOOKS = 3
"""Looks that must find the same mismatch before it is certain."""
LOOK_AGAIN_MS = 100_000
"""Between two looks: longer than any take is between gate and journal (three tries of a statement, each ended by Postgres
after 30 s) and longer than the sweeper needs for what a crash left (90 s), so no two looks see the same take."""
STILL_MS = 1_000
"""Between the two readings of a look at a deficit: a take that is under way has arrived by then."""
MOST_SUSPECTS = 500
"""Suspects at a time, read in one statement and one command. The next walk finds the others again."""

Cause: TypeAlias = Literal["UNKNOWN", "COUNTER_MISSING", "COUNTER_WITHOUT_LEVEL"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One level as read from journal and gate. `version` is the journal's, 0 where it has no such level; `steady`: it was
    the same before and after the gate was read, and no change by hand was on its way."""

    key: str
    expected: int
    found: int | None
    version: int
    steady: bool

    @property
    def difference(self) -> int:
        """Above zero: the gate would let through what the journal refuses. Below: units that cannot be bought."""
        return (self.found or 0) - self.expected


@dataclass(slots=True)
class Suspect:
    """A level that differed: how many looks saw it, and its values when the current look began."""

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
    """The levels that differed, kept from look to look."""

    def __init__(self, known: Iterable[Suspect] = ()) -> None:
        self._known = {suspect.key: suspect for suspect in known}

    def __len__(self) -> int:
        return len(self._known)

    def all(self) -> list[Suspect]:
        """The suspects to keep until the next round."""
        return list(self._known.values())

    def add(self, key: str) -> None:
        """Adds a level for which a walk saw a difference; it is due at once."""
        if len(self._known) < MOST_SUSPECTS:
            self._known.setdefault(key, Suspect(key))

    def clear(self) -> None:
        """Forgets all: the gate was rebuilt."""
        self._known.clear()

    def due(self, now_ms: int) -> list[str]:
        """Keys to read now."""
        return [suspect.key for suspect in self._known.values() if suspect.due_ms <= now_ms]

    def postpone(self, now_ms: int) -> None:
        """Restarts every interval and look: another process made the last looks, by its own clock."""
        for suspect in self._known.values():
            suspect.due_ms, suspect.version = now_ms + LOOK_AGAIN_MS, -1

    def judge(self, readings: Iterable[Reading], now_ms: int) -> list[Drift]:
        """Takes the readings of due keys; returns the differences that are certain now."""
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
        """Whether this reading completes a look; forgets the suspect when there is no difference."""
        if reading.difference == 0:
            del self._known[reading.key]
            return False
        if reading.difference > 0 or (reading.version, reading.found) == (suspect.version, suspect.found):
            return True
        suspect.version, suspect.found, suspect.due_ms = reading.version, reading.found, now_ms + STILL_MS
        return False


def _is_same(suspect: Suspect, reading: Reading) -> bool:
    """Two surpluses count as the same: takes that are under way make a surplus look smaller, but not less certain."""
    return suspect.difference == reading.difference or (suspect.difference > 0 and reading.difference > 0)


def _cause(reading: Reading) -> Cause:
    if reading.found is None:
        return "COUNTER_MISSING"
    return "UNKNOWN" if reading.version else "COUNTER_WITHOUT_LEVEL"
