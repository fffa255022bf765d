"""What the always-on audit remembers between its rounds, and what it tells of itself. Kept as JSON in table `audits`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from chassis.gate.drift import Suspect

EXAMPLES = 20
"""Findings that are told in words."""
MOST_MISMATCHES = 1_000
"""Journal mismatches that are remembered, so that each is told once."""

Stage: TypeAlias = Literal["LEVELS", "LIVE", "ENTRIES", "COUNTERS", "IDLE"]
"""LEVELS: levels against movements and gate. LIVE: reserved against active reservations. ENTRIES: the gate's reservations.
COUNTERS: counters without a level, keys of old epochs."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A number of the journal that is not what its other tables say: `number` of `key` is `found`."""

    key: str
    number: str
    expected: int
    found: int

    @property
    def identity(self) -> tuple[str, str, int]:
        """The same finding, though the level is sold from meanwhile."""
        return self.key, self.number, self.found - self.expected


@dataclass
class AuditStatus:
    """The audit's own numbers. Times are unix milliseconds; 0 means never. Units and counts of repairs only grow."""

    walk_end_ms: int = 0
    """When the last complete walk ended."""
    walk_ms: int = 0
    """How long it took."""
    levels: int = 0
    """Levels it saw."""
    suspects: int = 0
    """Levels that differ at the moment and are looked at again."""
    drift_up_units: int = 0
    """Units the gate had too many, confirmed since the first walk."""
    drift_down_units: int = 0
    """Units the gate had too few, confirmed since the first walk."""
    drift_ms: int = 0
    """When drift was last confirmed."""
    repairs: int = 0
    """Rebuilds that drift was the reason of."""
    journal_mismatches: int = 0
    """Numbers of the journal that contradict each other now; no machine can tell which is right."""
    ended_entries: int = 0
    """Entries of the gate, in the last walk, whose reservation has ended: the sweeper's next work."""
    leftover_keys: int = 0
    """Redis keys of old epochs that were found and unlinked."""
    examples: list[str] = field(default_factory=list)
    """The last findings in words, newest first."""

    def note(self, text: str) -> None:
        """Keeps the newest few."""
        self.examples = [text, *(one for one in self.examples if one != text)][:EXAMPLES]


@dataclass
class AuditState:
    """Where the walk is and what is open."""

    leader: str = ""
    stage: Stage = "IDLE"
    after: str = ""
    """The last level key that was compared."""
    cursor: int = 0
    """Of HSCAN, in the stages that read the gate's hashes."""
    recounting: str = ""
    """The level whose sum of movements is being made anew, from the first one."""
    walk_start_ms: int = 0
    walk_levels: int = 0
    walk_entries: int = 0
    repair: int = 0
    """The epoch that shall be replaced; 0 when none."""
    suspects: list[Suspect] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    status: AuditStatus = field(default_factory=AuditStatus)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


def from_json(raw: dict[str, Any]) -> AuditState:
    """As it was stored; a number that an older release did not know is zero."""
    state = AuditState(**{name: value for name, value in raw.items() if name in AuditState.__dataclass_fields__})
    state.suspects = [Suspect(**one) for one in raw.get("suspects", [])]
    state.mismatches = [Mismatch(**one) for one in raw.get("mismatches", [])]
    status = raw.get("status", {})
    known = AuditStatus.__dataclass_fields__
    state.status = AuditStatus(**{name: value for name, value in status.items() if name in known})
    return state
