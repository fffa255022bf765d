"""The position of the always-on audit, its reads of orders, and its lock: one process walks at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.db import Database
from order_svc.domain.order import Order
from order_svc.store.rows import COLUMNS, order_of

FIELDS = "stage, position, began_at, orders, reservations, ended_at, ended_ms, ended_orders, ended_reservations, now()"
READ = f"SELECT {FIELDS} FROM audit_walk"
LOCK = f"{READ} FOR UPDATE SKIP LOCKED"
WRITE = """
UPDATE audit_walk SET stage = %s, position = %s, began_at = %s, orders = %s, reservations = %s, ended_at = %s, ended_ms = %s,
  ended_orders = %s, ended_reservations = %s"""
PAGE = f"SELECT {COLUMNS} FROM orders WHERE order_id > %s ORDER BY order_id LIMIT %s"
GET = f"SELECT {COLUMNS} FROM orders WHERE order_id = ANY (%s)"


@dataclass
class Walk:
    """The walk under way, and the totals of the last whole walk. `now` is the clock of Postgres."""

    stage: str
    position: str
    began_at: datetime
    orders: int
    reservations: int
    ended_at: datetime | None
    ended_ms: int
    ended_orders: int
    ended_reservations: int
    now: datetime

    def begin(self) -> None:
        """Starts a new walk."""
        self.stage, self.position, self.began_at, self.orders, self.reservations = "ORDERS", "", self.now, 0, 0

    def end(self) -> None:
        """Ends the walk and keeps its totals."""
        self.stage, self.position, self.ended_at = "IDLE", "", self.now
        self.ended_ms = int((self.now - self.began_at).total_seconds() * 1000)
        self.ended_orders, self.ended_reservations = self.orders, self.reservations


class AuditWalk:
    """The walk's row and the orders that it passes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self) -> Walk:
        """As the last round left it."""
        async with self._db.connection() as connection:
            row = await (await connection.execute(READ)).fetchone()
        if row is None:
            raise LookupError("audit_walk is empty: its migration inserts one row")
        return Walk(*row)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Walk | None]:
        """Locks the walk for one round, and stores its changes at the end. Yields None while another process has the lock."""
        async with self._db.transaction() as tx:
            row = await (await tx.execute(LOCK)).fetchone()
            if row is None:
                yield None
                return
            walk, before = Walk(*row), Walk(*row)
            yield walk
            if walk == before:
                return
            values = (walk.stage, walk.position, walk.began_at, walk.orders, walk.reservations, walk.ended_at)
            await tx.execute(WRITE, (*values, walk.ended_ms, walk.ended_orders, walk.ended_reservations))

    async def page(self, after: str, limit: int) -> list[Order]:
        """The next orders by id, in any state."""
        return await self._orders(PAGE, after, limit)

    async def find(self, order_ids: Sequence[str]) -> list[Order]:
        """The orders that exist."""
        return await self._orders(GET, list(order_ids))

    async def _orders(self, statement: str, *values: Any) -> list[Order]:
        async with self._db.connection() as connection:
            return [order_of(row) for row in await (await connection.execute(statement, values)).fetchall()]
