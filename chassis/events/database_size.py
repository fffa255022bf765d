"""Measures how much disk the service's database takes. Here because every service with a database is a source of events."""

from __future__ import annotations

from typing import LiteralString

from chassis import metrics
from chassis.db import Database

EVERY_S = 60.0
"""A database grows slowly, and the query looks at each of its files."""
SIZE = metrics.gauge("database_size_bytes", "Disk that the service's database takes, without the write-ahead log")
MEASURE: LiteralString = "SELECT pg_database_size(current_database())"


class DatabaseSize:
    """Run it about once a minute, in the process that leads."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run_once(self) -> None:
        """Measures once."""
        async with self._db.connection() as connection:
            row = await (await connection.execute(MEASURE)).fetchone()
        if row is not None:
            SIZE.set(row[0])
