"""A process's connections as the audit uses them: AuditJournal, its rounds, and its reads of the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from chassis.gate.audit_journal import Compared, Known
from chassis.gate.audit_state import AuditState, Mismatch, from_json
from tests.sim.gate_server import GateServer
from tests.sim.journal_server import JournalServer
from tests.sim.links import GATE, JOURNAL, GateLink
from tests.sim.loop import Host
from tests.sim.site import Site

T = TypeVar("T")
LEASE_MS = 60_000


class AuditStore:
    """The table `audits` and the lock of a round: one for all processes."""

    def __init__(self) -> None:
        self.raw: dict[str, Any] = {}
        self.updated_ms = 0
        self.holder: Host | None = None
        self.told: list[tuple[str, str]] = []

    def claim(self, host: Host, leader: str, now_ms: int) -> bool:
        """False while another live process runs a round, or if the last round was recent."""
        fresh = now_ms - self.updated_ms < LEASE_MS and self.raw.get("leader", leader) != leader
        if fresh or (self.holder is not None and not self.holder.dead):
            return False
        self.holder = host
        return True


class RoundLink:
    """As chassis.gate.audit_journal.Round."""

    def __init__(self, site: Site, store: AuditStore, state: AuditState) -> None:
        self.state = state
        self.told: list[tuple[str, str]] = []
        self._site = site
        self._store = store

    async def epoch(self) -> int:
        return await self._call(lambda journal: journal.epoch)

    async def page(self, after: str, most: int) -> list[Compared]:
        def effect(journal: JournalServer) -> list[Compared]:
            keys = sorted(key for key in journal.levels if key > after)[:most]
            return [Compared(key, journal.levels[key].takeable, True, False, ()) for key in keys]

        return await self._call(effect)

    async def levels(self, keys: Sequence[str]) -> dict[str, Known]:
        def effect(journal: JournalServer) -> dict[str, Known]:
            pending = {row.key for row in journal.noted.values()}
            return {
                key: Known(
                    journal.levels[key].takeable, 1 + sum(key == one[2] for one in journal.movements), key in pending
                )
                for key in keys
                if key in journal.levels
            }

        return await self._call(effect)

    async def ended(self, entries: Iterable[tuple[str, str]]) -> int:
        rows = await self._call(lambda journal: journal.rows)
        return sum(id in rows and rows[id].state != "ACTIVE" for id, _ in entries)

    async def reserved_mismatches(self) -> list[Mismatch]:
        return []

    async def tell(self, type: str, key: str, _payload: dict[str, Any]) -> None:
        self.told.append((type, key))

    async def _call(self, effect: Callable[[JournalServer], T]) -> T:
        return await self._site.wire.call(JOURNAL, lambda: effect(self._site.journal))


class AuditJournalLink:
    """As chassis.gate.audit_journal.AuditJournal."""

    def __init__(self, site: Site, store: AuditStore, host: Host) -> None:
        self._site = site
        self._store = store
        self._host = host

    @asynccontextmanager
    async def round(self, leader: str) -> AsyncIterator[RoundLink | None]:
        def claim() -> bool:
            return self._store.claim(self._host, leader, self._site.now_ms())

        try:
            if not await self._site.wire.call(JOURNAL, claim):
                yield None
                return
            current = RoundLink(self._site, self._store, from_json(self._store.raw))
            yield current
            await self._site.wire.call(JOURNAL, lambda: self._keep(current))
        finally:  # also if the claim's answer was lost: its session ends, which frees the lock
            if self._store.holder is self._host:
                self._store.holder = None

    def _keep(self, current: RoundLink) -> None:
        """The commit: unless the session was lost meanwhile."""
        if self._store.holder is self._host:
            self._store.raw, self._store.updated_ms = current.state.to_json(), self._site.now_ms()
            self._store.told += current.told


class AuditGateLink(GateLink):
    """As chassis.gate.gate.Gate and chassis.gate.audit_gate.GatePages; one page has all entries."""

    async def counters(self, epoch: int, keys: Sequence[str]) -> list[int | None]:
        """HMGET"""
        return await self._audited(lambda gate: [gate.keys.available.get(epoch, {}).get(key) for key in keys])

    async def counter_count(self, epoch: int) -> int:
        """HLEN"""
        return await self._audited(lambda gate: len(gate.keys.available.get(epoch, {})))

    async def entries(self, epoch: int, _cursor: int) -> tuple[int, list[tuple[str, str]]]:
        """HSCAN"""
        found = await self._audited(lambda gate: list(gate.keys.reservations.get(epoch, {}).values()))
        return 0, [(entry.id, entry.nonce) for entry in found]

    async def drop_leftovers(self, _epoch: int) -> int:
        """Does nothing, since `drop` removes everything."""
        return 0

    async def _audited(self, effect: Callable[[GateServer], T]) -> T:
        return await self._site.wire.call(GATE, lambda: effect(self._site.gate_of(self._host)))
