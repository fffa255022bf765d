"""Deletes rows that are no longer needed, to keep the tables bounded: published events, ids of handled events, and responses
to old requests."""

from __future__ import annotations

from typing import LiteralString

from chassis import config
from chassis.config import KeptDays
from chassis.db import Database

BATCH = 1_000
"""Rows per round: a short transaction."""

OLD_EVENTS: LiteralString = """
DELETE FROM outbox WHERE id IN (
  SELECT id FROM (SELECT id, published_at, position FROM outbox ORDER BY id LIMIT %s) AS oldest
   WHERE position <= (SELECT sent FROM event_log) AND published_at < now() - make_interval(days => %s))"""
OLD_INBOX: LiteralString = """
DELETE FROM inbox WHERE (consumer, event_id) IN (
  SELECT consumer, event_id FROM inbox
   WHERE handled_at < now() - make_interval(days => %s) ORDER BY handled_at LIMIT %s)"""
OLD_REQUESTS: LiteralString = """
DELETE FROM requests WHERE request_id IN (
  SELECT request_id FROM requests WHERE created_at < now() - make_interval(days => %s) ORDER BY created_at LIMIT %s)"""


class Retention:
    """A job to run about once a minute. `keeps_requests`: whether the service has a table of requests.

    `kept` is how long rows are kept, by default from the settings.
    """

    def __init__(self, db: Database, keeps_requests: bool = True, kept: KeptDays | None = None) -> None:
        self._db = db
        self._keeps_requests = keeps_requests
        self._kept = kept or config.kept_days()

    async def run_once(self) -> int:
        """Deletes up to BATCH rows of each kind; returns how many in all. The next call continues."""
        async with self._db.connection() as connection:
            forgotten = (await connection.execute(OLD_EVENTS, (BATCH, self._kept.event_days))).rowcount
            forgotten += (await connection.execute(OLD_INBOX, (self._kept.inbox_days, BATCH))).rowcount
            if self._keeps_requests:
                forgotten += (await connection.execute(OLD_REQUESTS, (self._kept.request_days, BATCH))).rowcount
        return forgotten
