"""An audit with a test's clock, on the rig's servers; its events; and ways to make gate and journal differ."""

from __future__ import annotations

import itertools
from typing import Any

from chassis.gate import audit_sql
from chassis.gate.audit_gate import GatePages
from chassis.gate.audit_journal import AuditJournal
from chassis.gate.audit_state import AuditStatus
from chassis.gate.auditor import Auditor
from chassis.gate.drift import LOOK_AGAIN_MS, STILL_MS
from chassis.gate.world import World
from tests.chassis.gate.conftest import TABLES, Rig

START_MS = 1_800_000_000_000
SQL = audit_sql.statements(TABLES.levels, TABLES.movements, TABLES.reservations)
_names = itertools.count(1)


class Watch:
    """A clock that only a test advances; processes that share it agree on the time."""

    def __init__(self) -> None:
        self.passed_ms = 0

    def world(self) -> World:
        """The world of one process, with its own tokens."""
        name = f"auditor-{next(_names)}"
        return World(
            wall_ms=lambda: START_MS + self.passed_ms,
            monotonic_s=lambda: self.passed_ms / 1000,
            token=lambda: name,
            jitter=lambda: 1.0,
        )


class Audited:
    """The rig with an audit."""

    def __init__(self, rig: Rig, watch: Watch | None = None) -> None:
        self.rig = rig
        self.watch = watch or Watch()
        partition = rig.partition
        self.auditor = Auditor(
            AuditJournal(rig.db, 0, SQL),
            partition.gate,
            GatePages(rig.client, partition.gate._keys),
            partition.epochs,
            "inventory.audit",
            self.watch.world(),
        )

    async def after(self, ms: int) -> AuditStatus:
        """Advances the clock, then runs a round."""
        self.watch.passed_ms += ms
        await self.auditor.run_once()
        return await self.auditor.status()

    async def walked(self) -> AuditStatus:
        """Runs one more walk from start to end."""
        self.watch.passed_ms += 60_000
        before = (await self.auditor.status()).walk_end_ms
        while (await self.after(10_000)).walk_end_ms == before:
            pass
        return await self.auditor.status()

    async def look(self) -> AuditStatus:
        """Checks every suspect once: two readings, a moment apart."""
        await self.after(LOOK_AGAIN_MS)
        return await self.after(STILL_MS)

    async def looks(self, times: int = 3) -> AuditStatus:
        """A walk, which has time for one check, the other checks, then the round that sees the result."""
        await self.walked()
        for _ in range(times - 1):
            await self.look()
        return await self.after(20_000)

    async def takes_over(self) -> None:
        """Makes the leading process look silent for a minute."""
        await self.rig.rows("UPDATE audits SET updated_at = updated_at - interval '1 minute' RETURNING 1")

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Events of the audit: type and finding."""
        rows = await self.rig.rows("SELECT type, payload FROM outbox WHERE type LIKE 'inventory.audit.%%' ORDER BY id")
        return [(kind, payload["finding"]) for kind, payload in rows]

    async def shift(self, key: str, units: int) -> None:
        """Changes the gate's number without a cause."""
        await self.rig.client.hincrby(self.available(), key, units)

    def available(self) -> str:
        """The gate's counters."""
        return self.rig.partition.gate._keys.available(self.rig.partition.epochs.current)
