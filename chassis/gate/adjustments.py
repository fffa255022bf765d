"""Changes of counters that are not reservations (received, counted, cancelled, lapsed goods): journal first, then gate.

Table `gate_adjustments(id, partition, epoch, key, delta, created_at)`: a row is one change the gate may not know yet. It is
written in the change's transaction and deleted once the gate has it (or a rebuild has counted it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from chassis import telemetry
from chassis.db import Database, Tx
from chassis.errors import ServiceError
from chassis.gate.gate import Gate
from chassis.gate.model import Stale

log = telemetry.logger()

BATCH = 500
"""Changes per round: one short script."""

RECORD: LiteralString = """
INSERT INTO gate_adjustments (partition, epoch, key, delta)
SELECT %s, %s, c.key, c.delta FROM unnest(%s::text[], %s::bigint[]) AS c(key, delta) WHERE c.delta <> 0
RETURNING id, epoch, key, delta, journal_ms(created_at)"""
PENDING: LiteralString = """
SELECT id, epoch, key, delta, journal_ms(created_at) FROM gate_adjustments
 WHERE partition = %s AND created_at < now() - interval '1 second' ORDER BY id LIMIT %s"""
DONE: LiteralString = "DELETE FROM gate_adjustments WHERE id = ANY (%s)"

Row = tuple[Any, ...]


class Adjustments:
    """Records changes in a transaction and brings them to the gate after it."""

    def __init__(self, db: Database, gate: Gate, partition: int) -> None:
        self._db = db
        self._gate = gate
        self._partition = partition

    async def record(self, tx: Tx, epoch: int, deltas: Mapping[str, int]) -> list[Row]:
        """Notes how the journal's availability of each counter key changes. `epoch` is what journal.enter(tx) answered.

        Pass the result to `apply` after the commit; when that never happens, `run_once` does it.
        """
        keys = sorted(deltas)
        cursor = await tx.execute(RECORD, (self._partition, epoch, keys, [deltas[key] for key in keys]))
        return list(await cursor.fetchall())

    async def apply(self, rows: Sequence[Row]) -> bool:
        """Tells the gate; False when it must be tried again later. Repeating is safe: each id counts once."""
        answered = True
        for epoch in sorted({row[1] for row in rows}):
            group = [row for row in rows if row[1] == epoch]
            answered = await self._apply_epoch(epoch, group) and answered
        return answered

    async def run_once(self) -> int:
        """Brings up to BATCH changes to the gate that nobody brought; answers how many there were."""
        async with self._db.connection() as connection:
            cursor = await connection.execute(PENDING, (self._partition, BATCH))
            rows = await cursor.fetchall()
        if rows:
            await self.apply(rows)
        return len(rows)

    async def _apply_epoch(self, epoch: int, rows: Sequence[Row]) -> bool:
        try:
            answer = await self._gate.adjust(epoch, [(row[0], row[2], row[3], row[4]) for row in rows])
            if answer == "OLDER":
                return False
            async with self._db.connection() as connection:
                await connection.execute(DONE, ([row[0] for row in rows],))
        except (ServiceError, Stale) as failed:
            log.info("gate.adjusted_later", changes=len(rows), error=str(failed))
            return False
        return True
