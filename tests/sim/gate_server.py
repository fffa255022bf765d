"""A Redis as seen by the gate's scripts: chassis/gate/lua and the plain commands of Gate, each one atomic here.

Safeguards are attributes, so that tests/sim/mutations.py can remove one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from chassis.gate.gate import APPLIED_MEMORY_MS, Due, Entry, Settlement
from chassis.gate.model import NO_MARK, Claim, Mark, Refused, Reused, ShortLine, Stale, Take, Taken, WantedLine


class Keys:
    """The data: saved to disk, replicated and flushed. Scripts are not part of it."""

    def __init__(self) -> None:
        self.pointer: int | None = None
        self.epochs: set[int] = set()
        self.available: dict[int, dict[str, int]] = {}
        self.reservations: dict[int, dict[str, Entry]] = {}
        self.due: dict[int, dict[str, int]] = {}
        self.applied: dict[int, dict[str, int]] = {}
        self.marks: dict[int, Mark] = {}

    def copied(self) -> Keys:
        """Returns a copy."""
        other = Keys()
        other.pointer, other.epochs = self.pointer, set(self.epochs)
        other.available = {epoch: dict(part) for epoch, part in self.available.items()}
        other.reservations = {epoch: dict(part) for epoch, part in self.reservations.items()}
        other.due = {epoch: dict(part) for epoch, part in self.due.items()}
        other.applied = {epoch: dict(part) for epoch, part in self.applied.items()}
        other.marks = dict(self.marks)
        return other


class GateServer:
    """One server; its clock is injected. `scripts` holds the epochs whose reserve script is loaded."""

    scripts_survive = False
    checks_pointer = True
    knows_ids = True
    checks_token = True
    checks_epoch = True
    remembers_applied = True
    publish_announced_only = True

    def __init__(self, run_id: str, keys: Keys, scripts: set[int]) -> None:
        self.run_id = run_id
        self.keys = keys
        self.scripts = scripts
        self.misplaced: set[int] = set()
        """Epochs whose script is in this run although their keys were loaded into another: the watch detects it."""

    def restarted(self, run_id: str, keys: Keys) -> GateServer:
        """The server after a restart, or a replica after its promotion: with data, but without scripts."""
        other = type(self)(run_id, keys.copied(), set(self.scripts) if self.scripts_survive else set())
        other.__dict__ |= {name: value for name, value in self.__dict__.items() if isinstance(value, bool)}
        return other

    def flush(self) -> None:
        """FLUSHALL: the data is gone, the scripts remain."""
        self.keys = Keys()

    def reserve(self, epoch: int, claims: Sequence[tuple[Claim, str]], now_ms: int, first_look_ms: int) -> list[Any]:
        """reserve.lua"""
        if epoch not in self.scripts:
            raise Stale(epoch)
        if self.checks_pointer and self.keys.pointer != epoch:
            raise Stale(epoch)
        return [self._reserve_one(epoch, claim, nonce, now_ms, first_look_ms) for claim, nonce in claims]

    def _reserve_one(self, epoch: int, claim: Claim, nonce: str, now_ms: int, first_look_ms: int) -> Any:
        entries = self.keys.reservations.setdefault(epoch, {})
        entry = entries.get(claim.id)
        if entry is not None and self.knows_ids:
            return Take(claim, entry.nonce, entry.taken, epoch) if entry.fingerprint == claim.fingerprint else Reused()
        left = self.keys.available.setdefault(epoch, {})
        mine: dict[str, int] = {}
        taken: dict[str, int] = {}
        short = []
        for index, line in enumerate(claim.lines):
            failed = _take_line(line, left, mine, taken)
            if failed is not None:
                short.append(ShortLine(index, *failed))
        if short:
            return Refused(tuple(short))
        left.update(mine)
        made: Taken = tuple(taken.items())
        entries[claim.id] = Entry(claim.id, claim.fingerprint, nonce, made, now_ms + claim.ttl_ms)
        self.keys.due.setdefault(epoch, {})[claim.id] = now_ms + first_look_ms
        return Take(claim, nonce, made, epoch)

    def settle(self, epoch: int, settlements: Sequence[Settlement], now_ms: int) -> str:
        """give.lua"""
        if refused := self._other_epoch(epoch):
            return refused
        epoch = epoch if self.checks_epoch else self.keys.pointer or epoch
        entries, due = self.keys.reservations.setdefault(epoch, {}), self.keys.due.setdefault(epoch, {})
        left = self.keys.available.setdefault(epoch, {})
        for id, nonce, action, later_ms, since_ms in settlements:
            entry = entries.get(id)
            if entry is None:
                due.pop(id, None)
            elif entry.nonce == nonce or not self.checks_token:
                if action == "later":
                    due[id] = (since_ms or now_ms) + later_ms
                    continue
                if action == "give":
                    for key, quantity in entry.taken:
                        left[key] = left.get(key, 0) + quantity
                del entries[id]
                due.pop(id, None)
        return "DONE"

    def adjust(self, epoch: int, changes: Sequence[tuple[int, str, int, int]], now_ms: int) -> str:
        """adjust.lua"""
        if refused := self._other_epoch(epoch):
            return refused
        epoch = epoch if self.checks_epoch else self.keys.pointer or epoch
        applied, left = self.keys.applied.setdefault(epoch, {}), self.keys.available.setdefault(epoch, {})
        horizon = now_ms - APPLIED_MEMORY_MS
        for old in [id for id, at in applied.items() if at < horizon]:
            del applied[old]
        for number, key, delta, created in changes:
            if created >= horizon and not (self.remembers_applied and str(number) in applied):
                applied[str(number)] = now_ms
                left[key] = left.get(key, 0) + delta
        return "DONE"

    def due(self, epoch: int, by_ms: int, most: int) -> list[Due]:
        """due.lua"""
        due, entries = self.keys.due.get(epoch, {}), self.keys.reservations.get(epoch, {})
        ids = sorted((id for id in due if due[id] <= by_ms), key=lambda id: (due[id], id))
        return [Due(id, entries[id].nonce if id in entries else "") for id in islice(ids, most)]

    def announce(self, epoch: int) -> None:
        """SADD"""
        self.keys.epochs.add(epoch)

    def load_counters(self, epoch: int, counters: Sequence[tuple[str, int]]) -> None:
        """HSET"""
        self.keys.available.setdefault(epoch, {}).update(counters)

    def load_entries(self, epoch: int, entries: Sequence[Entry], due_ms: int) -> None:
        """HSET and ZADD"""
        for entry in entries:
            self.keys.reservations.setdefault(epoch, {})[entry.id] = entry
            self.keys.due.setdefault(epoch, {})[entry.id] = due_ms

    def publish(self, epoch: int) -> list[int] | None:
        """publish.lua: None if it may not be published, else the older epochs."""
        if (self.keys.pointer or 0) > epoch:
            return None
        if self.publish_announced_only and epoch not in self.keys.epochs:
            return None
        self.keys.pointer = epoch
        return [older for older in sorted(self.keys.epochs) if older < epoch]

    def remember_mark(self, epoch: int, mark: Mark) -> None:
        """mark.lua"""
        if self.keys.pointer == epoch and self.keys.marks.get(epoch, NO_MARK).number < mark.number:
            self.keys.marks[epoch] = mark

    def drop(self, epoch: int) -> None:
        """UNLINK and SREM"""
        for part in (
            self.keys.available,
            self.keys.reservations,
            self.keys.due,
            self.keys.applied,
            self.keys.marks,
        ):
            part.pop(epoch, None)
        self.keys.epochs.discard(epoch)

    def _other_epoch(self, epoch: int) -> str | None:
        pointer = self.keys.pointer or 0
        if pointer > epoch and self.checks_epoch:
            return "NEWER"
        return "OLDER" if pointer < epoch and self.checks_epoch else None


def _take_line(
    line: WantedLine, left: dict[str, int], mine: dict[str, int], taken: dict[str, int]
) -> tuple[int, bool] | None:
    """Takes a line from `mine`; if it does not fit, returns the available number, and whether any counter is known."""
    most = total = 0
    known = False
    for key in line.keys:
        available = mine.get(key, left.get(key))
        if available is None:
            continue
        known = True
        if available >= line.quantity:
            mine[key] = available - line.quantity
            taken[key] = taken.get(key, 0) + line.quantity
            return None
        most, total = max(most, available), total + max(available, 0)
    if not line.split or total < line.quantity:
        return (total if line.split else most), known
    wanted = line.quantity
    for key in line.keys:
        part = min(wanted, max(mine.get(key, left.get(key, 0)), 0))
        if part > 0:
            mine[key] = mine.get(key, left.get(key, 0)) - part
            taken[key] = taken.get(key, 0) + part
            wanted -= part
    return None
