"""Forgets what nobody can ask for again: published events, which
events were handled, and the answers to old requests. Keeps the tables bounded."""

from __future__ import annotations

from typing import LiteralString

from chassis.db import Database

BATCH = 1_000
"""Rows per round: a short transaction."""
EVENT_DAYS = 7
"""A consumer that was away for a week still finds its events in the outbox."""
REQUEST_DAYS = 30
"""A repeat after a month is a new request; the longest retry schedules end within days."""

OLD_EVENTS: LiteralString = """
DELETE FROM outbox WHERE id IN (
  SELECT id FROM (SELECT id, published_at, position FROM outbox ORDER BY id LIMIT %s) AS oldest
   WHERE position <= (SELECT sent FROM event_log) AND published_at < now() - make_interval(days => %s))"""
INBOX_DAYS = 8
"""Longer than events are kept: none comes again after it was forgotten here."""
OLD_INBOX: LiteralString = """
DELETE FROM inbox WHERE (consumer, event_id) IN (
  SELECT consumer, event_id FROM inbox
   WHERE handled_at < now() - make_interval(days => %s) ORDER BY handled_at LIMIT %s)"""
OLD_REQUESTS: LiteralString = """
DELETE FROM requests WHERE request_id IN (
  SELECT request_id FROM requests WHERE created_at < now() - make_interval(days => %s) ORDER BY created_at LIMIT %s)"""


class Retention:
    """Run it about once a minute. `keeps_requests` tells whether the service has a table of them."""

    def __init__(self, db: Database, keeps_requests: bool = True) -> None:
        self._db = db
        self._keeps_requests = keeps_requests

    async def run_once(self) -> int:
        """Deletes up to BATCH rows of each kind; answers how many. A repeat goes on where this ended."""
        async with self._db.connection() as connection:
            forgotten = (await connection.execute(OLD_EVENTS, (BATCH, EVENT_DAYS))).rowcount
            forgotten += (await connection.execute(OLD_INBOX, (INBOX_DAYS, BATCH))).rowcount
            if self._keeps_requests:
                forgotten += (await connection.execute(OLD_REQUESTS, (REQUEST_DAYS, BATCH))).rowcount
        return forgotten
