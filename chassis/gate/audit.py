"""Compares gate, journal and movements: the mismatches must be zero when nothing is under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import LiteralString

from chassis.db import Database
from chassis.gate.epochs import Epochs
from chassis.gate.gate import Gate

CHUNK = 2_000
EXAMPLES = 20


@dataclass
class Findings:
    """The result of one audit."""

    epoch: int = 0
    levels: int = 0
    gate_mismatches: int = 0
    gate_drift_units: int = 0
    movement_mismatches: int = 0
    reservation_mismatches: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keeps the first few."""
        if len(self.examples) < EXAMPLES:
            self.examples.append(text)


class Audit:
    """One partition's audit. Reads only; in a running system, takes between gate and journal count as mismatches."""

    def __init__(
        self,
        db: Database,
        gate: Gate,
        epochs: Epochs,
        partition: int,
        levels: LiteralString,
        movements: LiteralString,
        reservations: LiteralString,
    ) -> None:
        self._db = db
        self._gate = gate
        self._epochs = epochs
        self._partition = partition
        self._levels: LiteralString = (
            "SELECT key, on_hand - reserved - committed - unavailable + backorder_limit"
            f" FROM {levels} WHERE partition = %s"
        )
        self._movements: LiteralString = (
            "SELECT key FROM (SELECT key, on_hand, reserved, committed, unavailable,"
            " backorder_limit"
            f" FROM {levels} WHERE partition = %s"
            " UNION ALL SELECT key, -sum(on_hand_delta), -sum(reserved_delta), -sum(committed_delta),"
            " -sum(unavailable_delta), -sum(backorder_limit_delta)"
            f" FROM {movements} GROUP BY key) AS both_sides GROUP BY key HAVING sum(on_hand) <> 0 OR sum(reserved) <> 0"
            " OR sum(committed) <> 0 OR sum(unavailable) <> 0 OR sum(backorder_limit) <> 0"
        )
        self._reservations: LiteralString = (
            f"SELECT key FROM (SELECT key, reserved FROM {levels} WHERE partition = %s"
            f" UNION ALL SELECT l.key, -l.quantity FROM {reservations} r,"
            " jsonb_to_recordset(r.lines) AS l(key text, quantity bigint) WHERE r.state = 'ACTIVE' AND r.partition = %s)"
            " AS both_sides GROUP BY key HAVING sum(reserved) <> 0"
        )

    async def run_once(self) -> Findings:
        """Reads journal and gate once."""
        findings = Findings(epoch=self._epochs.current)
        async with self._db.transaction() as tx:
            await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            for row in await (await tx.execute(self._movements, (self._partition,))).fetchall():
                findings.movement_mismatches += 1
                findings.note(f"{row[0]}: level is not the sum of its movements")
            parameters = (self._partition, self._partition)
            for row in await (await tx.execute(self._reservations, parameters)).fetchall():
                findings.reservation_mismatches += 1
                findings.note(f"{row[0]}: reserved is not the sum of its active reservations")
            async with tx.cursor("audited") as cursor:
                await cursor.execute(self._levels, (self._partition,))
                while rows := await cursor.fetchmany(CHUNK):
                    await self._compare(findings, {row[0]: row[1] for row in rows})
        return findings

    async def _compare(self, findings: Findings, journal: dict[str, int]) -> None:
        findings.levels += len(journal)
        gate = await self._gate.counters(findings.epoch, list(journal))
        for (key, expected), found in zip(journal.items(), gate, strict=True):
            if (found or 0) != expected:  # a counter that the gate does not know sells nothing
                findings.gate_mismatches += 1
                findings.gate_drift_units += abs((found or 0) - expected)
                findings.note(f"{key}: gate has {found}, journal has {expected}")
