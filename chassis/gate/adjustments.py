"""Changes of counters that are not reservations (received, counted, cancelled, expired goods): journal first, then gate.

Table `gate_adjustments(id, partition, epoch, key, delta, created_at)`: a row is a change that the gate may not know yet. It is
written in the change's transaction and deleted once the gate has it (or a rebuild has included it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from chassis import telemetry
from chassis.db import Tx
from chassis.errors import ServiceError
from chassis.gate import meters
from chassis.gate.gate import Gate
from chassis.gate.journal import Journal, Noted
from chassis.gate.model import Stale

log = telemetry.logger()

BATCH = 500
"""Changes per round: one short script."""
Row: TypeAlias = Noted


class Adjustments:
    """Records changes in a transaction and applies them to the gate after it."""

    def __init__(self, gate: Gate, journal: Journal) -> None:
        self._gate = gate
        self._journal = journal

    async def record(self, tx: Tx, epoch: int, deltas: Mapping[str, int]) -> list[Row]:
        """Records how the journal's availability of each counter key changes. `epoch` is the result of journal.enter(tx).

        Pass the result to `apply` after the commit; if that never happens, `run_once` applies it.
        """
        return await self._journal.note(tx, epoch, deltas)

    async def apply(self, rows: Sequence[Row]) -> bool:
        """Applies changes to the gate; False when it must be tried again later. Safe to repeat: each id counts once."""
        answered = True
        for epoch in sorted({row.epoch for row in rows}):
            group = [row for row in rows if row.epoch == epoch]
            answered = await self._apply_epoch(epoch, group) and answered
        return answered

    async def run_once(self) -> int:
        """Applies up to BATCH recorded changes that have not reached the gate; returns how many there were."""
        rows = await self._journal.noted(BATCH)
        if rows:
            await self.apply(rows)
            meters.LATE_ADJUSTMENTS.add(len(rows))
        return len(rows)

    async def _apply_epoch(self, epoch: int, rows: Sequence[Row]) -> bool:
        try:
            answer = await self._gate.adjust(epoch, [(row.id, row.key, row.delta, row.created_ms) for row in rows])
            if answer == "OLDER":
                return False
            await self._journal.forget([row.id for row in rows])
        except (ServiceError, Stale) as failed:
            log.info("gate.adjusted_later", changes=len(rows), error=str(failed))
            return False
        return True
