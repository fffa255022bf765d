"""The inventory's audit: the chassis compares gate, journal and movements; this module adds levels and lots."""

from __future__ import annotations

from chassis.db import Database
from chassis.gate.audit import Findings
from chassis.gate.audit_state import AuditStatus
from chassis.gate.partition import Partition
from inventory_svc.store import lots


class StockAudit:
    """Reads only; the always-on audit is in chassis.gate.auditor."""

    def __init__(self, db: Database, partition: Partition) -> None:
        self._db = db
        self._audit = partition.audit
        self._auditor = partition.auditor

    async def run_once(self) -> tuple[Findings, int]:
        """The findings, and the number of levels that are not the sum of their lots."""
        findings = await self._audit.run_once()
        async with self._db.connection() as connection:
            wrong = await lots.mismatches(connection)
        for key in wrong:
            findings.note(f"{key}: level is not the sum of its lots")
        return findings, len(wrong)

    async def status(self) -> AuditStatus:
        """The status of the always-on audit."""
        return await self._auditor.status()
