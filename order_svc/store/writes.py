"""Writes of many orders share a commit: what is written while one is under way goes together, each for itself."""

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
    """Statements that change one row each and answer with a row when they did."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._together = Together(self._one, self._many)

    async def put(self, key: str, statement: str, values: Values) -> Row | None:
        """Its first row, once it is committed."""
        return await self._together.call((key, statement, values))

    async def _one(self, write: Write) -> Row | None:
        row = await self._db.first_row(*write[1:])
        self._db.written.set()
        return row

    async def _many(self, writes: Sequence[Write]) -> Sequence[Row | Exception | None]:
        # One order of keys for everybody, hence no deadlock among groups of several processes.
        places = sorted(range(len(writes)), key=lambda place: writes[place][0])
        try:
            rows = await self._db.first_rows([writes[place][1:] for place in places])
            self._db.written.set()
            return [row for _, row in sorted(zip(places, rows, strict=True), key=lambda each: each[0])]
        except (psycopg.IntegrityError, psycopg.DataError):
            # Nothing of the group was done; one bad row must not fail the others.
            return await asyncio.gather(*map(self._one, writes), return_exceptions=True)  # type: ignore[return-value]
