"""Measures the backlog of the outbox: how many events wait for the broker, and how long the oldest has waited."""

from __future__ import annotations

from typing import LiteralString

from chassis import metrics
from chassis.db import Database

MOST = 100_000
"""Upper bound of the count: a larger number would cost more and add no information."""

DEPTH = metrics.gauge("outbox_depth", "Events that wait to be published, counted up to 100,000")
LAG = metrics.gauge("outbox_lag_seconds", "Age of the oldest event that waits to be published")

MEASURE: LiteralString = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8
  FROM (
    (SELECT created_at FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT %(most)s)
    UNION ALL
    (SELECT created_at FROM outbox WHERE position > (SELECT sent FROM event_log) ORDER BY position LIMIT %(most)s)
  ) AS waiting"""


class Backlog:
    """Run it every few seconds in one process of a service."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run_once(self) -> None:
        """Measures once."""
        async with self._db.connection() as connection:
            row = await (await connection.execute(MEASURE, {"most": MOST})).fetchone()
        if row is not None:
            DEPTH.set(min(row[0], MOST))
            LAG.set(max(0.0, row[1]))
