"""The invariants I1 to I7 of the protocol, checked after every step or at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chassis.gate.gate import Settlement
from chassis.gate.journal import Transition
from chassis.gate.model import Claim, Refused, Take

if TYPE_CHECKING:
    from tests.sim.gate_server import GateServer
    from tests.sim.site import Site


class Oracle:
    """Collects violations, and the recovery paths that were taken."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.violations: list[str] = []
        self.paths: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.asked: set[tuple[str, str]] = set()
        self.lost: set[str] = set()
        """Reservations that were missing in a backup of the journal when it was restored."""

    def broken(self, rule: str, text: str) -> None:
        """Records a violation; the first ones are the most useful."""
        self._site.tell(f"!! {rule}: {text}")
        if len(self.violations) < 5:
            self.violations.append(f"{rule}: {text}")

    def taken(self, takes: Sequence[Take]) -> None:
        """After a write of the journal."""
        for key in {key for take in takes for key, _ in take.taken}:
            level = self._site.journal.levels.get(key)
            if level is not None and (level.takeable < 0 or level.reserved < 0):
                self.broken("I1", f"{key} sold beyond its stock: {level}")

    def answered(self, claim: Claim) -> None:
        """A client was answered that its reservation exists."""
        row = self._site.journal.rows.get(claim.id)
        if row is None or row.state == "ABORTED" or row.fingerprint != claim.fingerprint:
            if claim.id in self.lost:
                return  # its answer was in flight when the journal was restored
            self.broken("I4", f"{claim.id} was acknowledged, the journal has {row}")
        self.acknowledged.add(claim.id)

    def refused(self, server: GateServer, epoch: int, claim: Claim, answer: Refused) -> None:
        """A serving gate knows every counter that the journal has."""
        current = self._site.journal.epoch
        if server is not self._site.primary or epoch != current or current in server.misplaced:
            return
        if epoch == self._site.journal.restored_in:
            return
        for short in answer.short:
            if not short.known and any(key in self._site.journal.levels for key in claim.lines[short.index].keys):
                self.broken("I5", f"{claim.id}: the gate serves but does not know {claim.lines[short.index].keys}")

    def settled(self, transitions: Sequence[Transition]) -> None:
        """Before the journal settles: records the requested ends."""
        for one in transitions:
            if one.to == "ABORTED" and one.id not in self._site.journal.rows:
                self.paths["tombstone"] += 1

    def repeated(self, claim: Claim, epoch: int) -> None:
        """The gate knew the id."""
        row = self._site.journal.rows.get(claim.id)
        rebuilt = row is not None and row.created_ms < epoch
        self.paths["duplicate after a rebuild" if rebuilt else "duplicate answered by the gate"] += 1

    def giving(self, role: str, gate: GateServer, epoch: int, settlements: Sequence[Settlement]) -> None:
        """Before a request to the gate."""
        entries = gate.keys.reservations.get(epoch, {})
        for one in settlements:
            if one.action == "give" and one.id in entries and entries[one.id].nonce == one.nonce:
                row = self._site.journal.rows.get(one.id)
                late = row is not None and row.state == "COMMITTED"
                self.paths["late duplicate after a commit given back" if late else f"{role} gave back"] += 1

    def gave(self, answer: str) -> None:
        """After a request to the gate."""
        if answer == "NEWER":
            self.paths["give skipped: a rebuild has counted it"] += 1
        if answer == "OLDER":
            self.paths["give postponed: the gate is behind"] += 1

    def step(self) -> None:
        """After every effect on a server: the gate never admits more than the journal has (I5)."""
        site = self._site
        journal, gate = site.journal, site.primary
        epoch = journal.epoch
        if gate.keys.pointer != epoch or epoch not in gate.scripts or epoch in gate.misplaced:
            return  # it does not serve, or the watch is about to stop it
        if epoch == journal.restored_in:
            return  # the watch is about to detect that the journal was restored
        left, applied = gate.keys.available.get(epoch, {}), gate.keys.applied.get(epoch, {})
        for key, level in journal.levels.items():
            over = left.get(key, 0) - level.takeable
            if over > 0:
                for row in journal.noted.values():
                    if row.key == key and row.delta < 0 and row.epoch == epoch and str(row.id) not in applied:
                        over += row.delta
                if over > 0:
                    self.broken("I5", f"the gate has {over} of {key} more than the journal ({level})")

    def in_step(self, when: str) -> None:
        """Gate = journal (I6), once faults have stopped."""
        site = self._site
        epoch = site.journal.epoch
        left = site.primary.keys.available.get(epoch, {}) if site.primary.keys.pointer == epoch else {}
        for key, level in site.journal.levels.items():
            if left.get(key, 0) != level.takeable:
                self.broken("I6", f"{when}: gate has {left.get(key)} of {key}, journal {level.takeable} ({level})")

    def books(self) -> None:
        """Levels = movements (I2), takes and gives once (I3), acknowledged rows exist (I4), one event per change (I7)."""
        journal = self._site.journal
        sums: Counter[tuple[str, str]] = Counter()
        reserved: Counter[str] = Counter()
        for _, _, key, number, delta in journal.movements:
            sums[key, number] += delta
        for row in journal.rows.values():
            if row.state == "ACTIVE":
                reserved.update(dict(row.taken))
        for key, level in journal.levels.items():
            for number in ("on_hand", "reserved", "committed"):
                if getattr(level, number) != sums[key, number] or getattr(level, number) < 0:
                    self.broken("I2", f"{key}: {number} is {getattr(level, number)}, movements {sums[key, number]}")
            if level.reserved != reserved[key]:
                self.broken("I3", f"{key}: reserved is {level.reserved}, active reservations {reserved[key]}")
        moved = Counter((kind, reference, key, number) for kind, reference, key, number, _ in journal.movements)
        for what, times in moved.items():
            if times > 1:
                self.broken("I3", f"{what} {times} times")
        self._outcomes()

    def _outcomes(self) -> None:
        journal = self._site.journal
        events = Counter(journal.outbox)
        for id in self.acknowledged:
            row = journal.rows.get(id)
            if row is None or row.state == "ABORTED":
                self.broken("I4", f"{id} was acknowledged and is {row}")
            elif row.state in ("RELEASED", "COMMITTED") and (id, row.state) not in self.asked:
                self.broken("I4", f"{id} is {row.state}, which no client asked for")
        for row in journal.rows.values():
            ends = [name for name in ("committed", "released", "expired", "aborted") if events[name, row.id]]
            if (
                ends != ([] if row.state == "ACTIVE" else [row.state.lower()])
                or events[ends[0] if ends else "", row.id] > 1
            ):
                self.broken("I7", f"{row.id} is {row.state}, with events {ends}")
