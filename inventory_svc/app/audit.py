"""The inventory's audit: the chassis' comparison of gate, journal and movements, and that of levels and lots."""

from __future__ import annotations

from chassis.db import Database
from chassis.gate.audit import Audit, Findings
from inventory_svc.store import lots


class StockAudit:
    """Reads only."""

    def __init__(self, db: Database, audit: Audit) -> None:
        self._db = db
        self._audit = audit

    async def run_once(self) -> tuple[Findings, int]:
        """What was found, and the number of levels that are not the sum of their lots."""
        findings = await self._audit.run_once()
        async with self._db.connection() as connection:
            wrong = await lots.mismatches(connection)
        for key in wrong:
            findings.note(f"{key}: level is not the sum of its lots")
        return findings, len(wrong)
