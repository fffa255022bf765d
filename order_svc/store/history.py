"""Reads for people: pages of orders, history, step logs, and stuck sagas."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.db import Database
from order_svc.domain.order import Order, State, Step, Transition
from order_svc.store.rows import COLUMNS, order_of

HISTORY = "SELECT from_state, to_state, cause, created_at FROM order_transitions WHERE order_id = %s ORDER BY id"
STEPS = "SELECT step, outcome, created_at FROM saga_steps WHERE order_id = %s ORDER BY id LIMIT 1000"
STUCK = f"""
SELECT {COLUMNS} FROM orders
WHERE (state NOT IN ('CONFIRMED', 'CANCELLED') OR due_at IS NOT NULL)
    AND created_at <= now() - make_interval(secs => %s)
    AND NOT (state = 'AUTHORIZING' AND payment_status = 'ACTION_REQUIRED' AND payment_deadline > now())
ORDER BY created_at LIMIT 500"""


@dataclass(frozen=True, slots=True)
class Filter:
    """The orders to list; None and empty mean all."""

    state: State | None
    customer_id: str
    since: datetime | None
    until: datetime | None


class History:
    """Reads only."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, which: Filter, after: tuple[datetime, str] | None, limit: int) -> list[Order]:
        """Orders, newest first, after the one with this time and id."""
        conditions: list[str] = []
        values: list[Any] = []
        for condition, value in (
            ("state = %s", which.state),
            ("customer_id = %s", which.customer_id or None),
            ("created_at >= %s", which.since),
            ("created_at < %s", which.until),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if after is not None:
            conditions.append("(created_at, order_id) < (%s, %s)")
            values.extend(after)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = f"SELECT {COLUMNS} FROM orders {where} ORDER BY created_at DESC, order_id DESC LIMIT %s"
        return [order_of(row) for row in await self._rows(statement, *values, limit)]

    async def transitions(self, order_id: str) -> list[Transition]:
        """Every change of state, oldest first."""
        rows = await self._rows(HISTORY, order_id)
        return [Transition(State(row[0]) if row[0] else None, State(row[1]), row[2], row[3]) for row in rows]

    async def steps(self, order_id: str) -> list[Step]:
        """The step log, oldest first."""
        return [Step(*row) for row in await self._rows(STEPS, order_id)]

    async def stuck(self, older_than_s: int) -> list[Order]:
        """Unfinished orders at least this old, oldest first, except those whose customer's bank still has time."""
        return [order_of(row) for row in await self._rows(STUCK, older_than_s)]

    async def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        async with self._db.connection() as connection:
            return await (await connection.execute(statement, values)).fetchall()
