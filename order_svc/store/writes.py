"""Writes of many orders share a commit: those that arrive during a commit form the next one, each with its own result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

import psycopg

from chassis.db import Database, Row, Values
from chassis.together import Together

Write: TypeAlias = tuple[str, str, Values]
"""The row's key, the statement, its values."""


class Writes:
    """Statements that change one row each, and return a row if they did."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._together = Together(self._one, self._many)

    async def put(self, key: str, statement: str, values: Values) -> Row | None:
        """Runs the statement; returns its first row after the commit."""
        return await self._together.call((key, statement, values))

    async def _one(self, write: Write) -> Row | None:
        row = await self._db.first_row(*write[1:])
        self._db.written.set()
        return row

    async def _many(self, writes: Sequence[Write]) -> Sequence[Row | Exception | None]:
        # Every process sorts by key, so groups of several processes do not deadlock.
        places = sorted(range(len(writes)), key=lambda place: writes[place][0])
        try:
            rows = await self._db.first_rows([writes[place][1:] for place in places])
            self._db.written.set()
            return [row for _, row in sorted(zip(places, rows, strict=True), key=lambda each: each[0])]
        except (psycopg.IntegrityError, psycopg.DataError):
            # The whole group was rolled back; one bad row must not fail the others.
            return await asyncio.gather(*map(self._one, writes), return_exceptions=True)  # type: ignore[return-value]
