"""A Postgres as seen by the journal's functions: chassis/gate/sql and the statements of Journal and Rebuilds.

Each method is one atomic transaction: the advisory lock and the row locks give the real ones the same effect.
Safeguards are attributes, so that tests/sim/mutations.py can remove one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import psycopg

from chassis.gate.gate import Entry
from chassis.gate.journal import ACTIVE, GRACE_MS, Noted, Settled, Standing, Transition
from chassis.gate.model import NO_MARK, Mark, Reservation, Stale, Take
from chassis.gate.rebuilds import Serving

ENDS = {"COMMITTED": "COMMIT", "RELEASED": "RELEASE", "EXPIRED": "EXPIRE"}


class Refusal(psycopg.Error):
    """The error that the guard raises."""

    sqlstate = "OS001"


@dataclass
class Level:
    """One counter's numbers."""

    on_hand: int = 0
    reserved: int = 0
    committed: int = 0
    unavailable: int = 0
    backorder_limit: int = 0

    @property
    def takeable(self) -> int:
        """The units that may still be taken."""
        return self.on_hand - self.reserved - self.committed - self.unavailable + self.backorder_limit


class JournalServer:
    """One partition's journal; its clock is injected. `movements` are (kind, reference, key, number, delta)."""

    guards = True
    checks_epoch = True
    checks_state = True
    knows_ids = True
    checks_owner = True

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.levels: dict[str, Level] = {}
        self.rows: dict[str, Reservation] = {}
        self.epoch = 0
        self.run_id = ""
        self.mark = NO_MARK
        self.noted: dict[int, Noted] = {}
        self.movements: list[tuple[str, str, str, str, int]] = []
        self.outbox: list[tuple[str, str]] = []
        self._last_noted = 0
        self.restored_in = -1
        """The epoch that a restored journal names: the gate's data of it may be from a time that the journal has lost."""

    def copied(self) -> JournalServer:
        """A backup: a copy of everything."""
        other = type(self)(self.now_ms)
        other.__dict__ |= self.__dict__
        other.levels = {key: replace(level) for key, level in self.levels.items()}
        other.rows, other.noted = dict(self.rows), dict(self.noted)
        other.movements, other.outbox = list(self.movements), list(self.outbox)
        return other

    def reserve(self, takes: Sequence[Take]) -> dict[str, Reservation]:
        """journal_reserve"""
        if takes[0].epoch != self.epoch and self.checks_epoch:
            raise Stale(takes[0].epoch)
        new = [take for take in takes if take.claim.id not in self.rows or not self.knows_ids]
        asked = Counter[str]()
        for take in new:
            asked.update(dict(take.taken))
        for key, quantity in asked.items():
            if key not in self.levels or (self.guards and self.levels[key].takeable < quantity):
                raise Refusal
        now = self.now_ms()
        for take in new:
            claim = take.claim
            self.rows[claim.id] = Reservation(
                claim.id, "ACTIVE", claim.fingerprint, take.nonce, claim.owner, take.taken, now + claim.ttl_ms, now
            )
            self.outbox.append(("created", claim.id))
            for key, quantity in take.taken:
                self.levels[key].reserved += quantity
                self.movements.append(("RESERVE", claim.id, key, "reserved", quantity))
        return {take.claim.id: self.rows[take.claim.id] for take in takes}

    def settle(self, transitions: Sequence[Transition]) -> Settled:
        """journal_settle"""
        changed = {one.id for one in transitions if self._settle_one(one, self.now_ms())}
        known = {one.id: self.rows[one.id] for one in transitions if one.id in self.rows}
        return Settled(self.epoch, known, changed)

    def _settle_one(self, one: Transition, now: int) -> bool:
        row = self.rows.get(one.id)
        if row is None:
            if one.to not in ("RELEASED", "ABORTED"):
                return False
            self.rows[one.id] = Reservation(one.id, "ABORTED", "", "", one.owner or "", (), now, now)
            self.outbox.append(("aborted", one.id))
            return True
        if row.owner and one.owner not in (None, row.owner) and self.checks_owner:
            return False
        ended = row.state != "ACTIVE" and (self.checks_state or row.state == "ABORTED")
        if ended or one.to == "ABORTED" or (one.to == "EXPIRED" and row.expires_ms + GRACE_MS > now):
            return False
        self.outbox.append((one.to.lower(), one.id))
        if one.to == "EXTENDED":
            self.rows[one.id] = row._replace(expires_ms=max(row.expires_ms, now + one.ttl_ms))
            return True
        self.rows[one.id] = row._replace(state=one.to)
        for key, quantity in row.taken:
            self.levels[key].reserved -= quantity
            self.movements.append((ENDS[one.to], one.id, key, "reserved", -quantity))
            if one.to == "COMMITTED":
                self.levels[key].committed += quantity
                self.movements.append((ENDS[one.to], one.id, key, "committed", quantity))
        return True

    def expired(self, most: int) -> list[str]:
        """Expired reservations, oldest first."""
        now = self.now_ms()
        lapsed = [row for row in self.rows.values() if row.state == "ACTIVE" and row.expires_ms < now - GRACE_MS]
        return [row.id for row in sorted(lapsed, key=lambda row: row.expires_ms)[:most]]

    def look(self, epoch: int, ids: Sequence[str]) -> dict[str, Standing]:
        """journal_look, if the epoch is current."""
        if epoch != self.epoch and self.checks_epoch:
            raise Stale(epoch)
        rows = [self.rows[id] for id in ids if id in self.rows]
        return {row.id: ACTIVE if row.state == "ACTIVE" else Standing(row.state, row.nonce) for row in rows}

    def change(self, reference: str, key: str, on_hand: int) -> list[Noted]:
        """A use case's transaction: a level changes, with its movement and a note for the gate."""
        level = self.levels.setdefault(key, Level())
        on_hand = max(on_hand, -level.on_hand)
        level.on_hand += on_hand
        self.movements.append(("ADJUST", reference, key, "on_hand", on_hand))
        self._last_noted += 1
        row = Noted(self._last_noted, self.epoch, key, on_hand, self.now_ms())
        self.noted[row.id] = row
        return [row]

    def pending(self, most: int) -> list[Noted]:
        """Changes noted at least a second ago."""
        now = self.now_ms()
        return [row for row in self.noted.values() if row.created_ms < now - 1_000][:most]

    def forget(self, ids: Sequence[int]) -> None:
        """Removes the notes of changes that the gate has."""
        for id in ids:
            self.noted.pop(id, None)

    def serving(self) -> Serving:
        """The row of the current epoch."""
        return Serving(self.epoch, self.run_id, True, self.mark)

    def advance(self, epoch: int, seen: Mark, token: str) -> Mark | None:
        """The next mark, unless epoch or mark have changed since they were read."""
        if (epoch, seen) != (self.epoch, self.mark):
            return None
        self.mark = Mark(seen.number + 1, token)
        return self.mark

    def begin(self, run_id: str, least: int) -> int:
        """The next epoch."""
        self.epoch = max(self.epoch + 1, least)
        self.run_id = run_id
        return self.epoch

    def counters(self) -> list[tuple[str, int]]:
        """The levels, as a rebuild reads them."""
        return [(key, level.takeable) for key, level in self.levels.items()]

    def live(self) -> list[Entry]:
        """The reservations, as a rebuild reads them."""
        return [
            Entry(row.id, row.fingerprint, row.nonce, row.taken, row.expires_ms)
            for row in self.rows.values()
            if row.state == "ACTIVE"
        ]
