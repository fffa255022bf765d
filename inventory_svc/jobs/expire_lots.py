"""Makes lots unavailable after their last day: journal first, then gate, since an expiry cannot be refused."""

from __future__ import annotations

from chassis import telemetry
from chassis.db import Database, Tx
from chassis.gate import journal
from chassis.gate.adjustments import Adjustments, Row
from inventory_svc.app.stock import PARTITION
from inventory_svc.store import levels, lots
from inventory_svc.store.levels import Change

log = telemetry.logger()

BATCH = 200
"""Lots per round, each in a transaction of its own, so that each level is locked only briefly."""


class ExpireLots:
    """Run it about once a minute."""

    def __init__(self, db: Database, adjustments: Adjustments) -> None:
        self._db = db
        self._adjustments = adjustments

    async def run_once(self) -> int:
        """Expires up to BATCH lots; returns how many were due. Safe to repeat."""
        async with self._db.connection() as connection:
            overdue = await lots.overdue(connection, BATCH)
        for key, lot in overdue:
            rows = await self._db.run(lambda tx, key=key, lot=lot: self._expire(tx, key, lot))  # type: ignore[misc]
            await self._adjustments.apply(rows)
        return len(overdue)

    async def _expire(self, tx: Tx, key: str, lot: str) -> list[Row]:
        epoch = await journal.enter(tx, PARTITION)
        await levels.lock(tx, key)
        units = await lots.expire(tx, key, lot)
        if not units:
            return []
        level = await levels.change(tx, key, [Change("LOT_EXPIRE", f"lot:{lot}", lot, unavailable=units)])
        log.info("lot.expired", key=key, lot=lot, units=units, available=level.available)
        return await self._adjustments.record(tx, epoch, {key: -units})
