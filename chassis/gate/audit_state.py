"""The state of the always-on audit between rounds, and the status that it reports. Kept as JSON in table `audits`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from chassis.gate.drift import Suspect

EXAMPLES = 20
"""Findings that are kept as text."""
MOST_MISMATCHES = 1_000
"""Journal mismatches that are remembered, so that each is reported once."""

Stage: TypeAlias = Literal["LEVELS", "LIVE", "ENTRIES", "COUNTERS", "IDLE"]
"""LEVELS: levels against movements and gate. LIVE: reserved against active reservations. ENTRIES: the gate's reservations.
COUNTERS: counters without a level, keys of old epochs."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A number of the journal that its other tables contradict: `number` of `key` is `found`, not `expected`."""

    key: str
    number: str
    expected: int
    found: int

    @property
    def identity(self) -> tuple[str, str, int]:
        """Identifies the finding; stays the same while the level sells."""
        return self.key, self.number, self.found - self.expected


@dataclass
class AuditStatus:
    """The audit's own numbers. Times are unix milliseconds; 0 means never. Units and repair counts only grow."""

    walk_end_ms: int = 0
    """When the last complete walk ended."""
    walk_ms: int = 0
    """How long it took."""
    levels: int = 0
    """Levels that it covered."""
    suspects: int = 0
    """Levels that differ now and are checked again."""
    drift_up_units: int = 0
    """Units the gate had too many, confirmed since the first walk."""
    drift_down_units: int = 0
    """Units the gate had too few, confirmed since the first walk."""
    drift_ms: int = 0
    """When drift was last confirmed."""
    repairs: int = 0
    """Rebuilds caused by drift."""
    journal_mismatches: int = 0
    """Numbers of the journal that contradict each other now; no program can know which is right."""
    ended_entries: int = 0
    """Entries of the gate, in the last walk, whose reservation has ended: the sweeper settles them next."""
    leftover_keys: int = 0
    """Redis keys of old epochs that were found and unlinked."""
    examples: list[str] = field(default_factory=list)
    """The last findings as text, newest first."""

    def note(self, text: str) -> None:
        """Keeps the newest EXAMPLES texts."""
        self.examples = [text, *(one for one in self.examples if one != text)][:EXAMPLES]


@dataclass
class AuditState:
    """The position of the walk, and what is still open."""

    leader: str = ""
    stage: Stage = "IDLE"
    after: str = ""
    """The last level key that was compared."""
    cursor: int = 0
    """Of HSCAN, in the stages that read the gate's hashes."""
    recounting: str = ""
    """The level whose movements are being summed again, from the first one."""
    walk_start_ms: int = 0
    walk_levels: int = 0
    walk_entries: int = 0
    repair: int = 0
    """The epoch that must be replaced; 0 when none."""
    suspects: list[Suspect] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    status: AuditStatus = field(default_factory=AuditStatus)

    def to_json(self) -> dict[str, Any]:
        """The stored form."""
        return asdict(self)


def from_json(raw: dict[str, Any]) -> AuditState:
    """Reads the stored form; numbers that an older release did not have are zero."""
    state = AuditState(**{name: value for name, value in raw.items() if name in AuditState.__dataclass_fields__})
    state.suspects = [Suspect(**one) for one in raw.get("suspects", [])]
    state.mismatches = [Mismatch(**one) for one in raw.get("mismatches", [])]
    status = raw.get("status", {})
    known = AuditStatus.__dataclass_fields__
    state.status = AuditStatus(**{name: value for name, value in status.items() if name in known})
    return state
