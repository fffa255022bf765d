"""Dead letters: events that were given up after ten tries. They can be listed and replayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from chassis import metrics
from chassis.db import Database, Tx
from chassis.events.event import Event

DEAD = metrics.gauge("consumer_dead_letters", "Events that were given up and wait for an operator")
PARKED = metrics.gauge("consumer_parked", "Events that failed and are retried, and events that wait behind them")

LIST: LiteralString = """
SELECT consumer, error, attempts, due_at, parked_id, source, position, event_id, type, key, time, data, content_type
  FROM parked_events
 WHERE state = 'DEAD' AND parked_id > %(after)s AND (%(consumer)s = '' OR consumer = %(consumer)s)
 ORDER BY parked_id LIMIT %(most)s"""
REPLAY: LiteralString = """
UPDATE parked_events SET state = 'RETRYING', attempts = 0, due_at = now()
 WHERE state = 'DEAD' AND consumer = %(consumer)s AND (%(ids)s::text[] IS NULL OR event_id = ANY (%(ids)s))"""
COUNT: LiteralString = """
SELECT count(*) FILTER (WHERE state = 'DEAD'), count(*) FILTER (WHERE state <> 'DEAD') FROM parked_events"""


class DeadLetter(NamedTuple):
    """An event that was given up. `number` orders them by when they first failed."""

    consumer: str
    error: str
    attempts: int
    died_at: datetime
    number: int
    event: Event


class DeadLetters:
    """The dead letters of one service's consumers."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, consumer: str, after: int, most: int) -> list[DeadLetter]:
        """Dead letters after number `after`, in order; of one consumer, or of all if it is ""."""
        values = {"consumer": consumer, "after": after, "most": most}
        async with self._db.connection() as connection:
            rows = await (await connection.execute(LIST, values)).fetchall()
        return [_letter(*row) for row in rows]

    async def replay(self, consumer: str, event_ids: Sequence[str]) -> int:
        """Schedules these for another try, or all of the consumer's if no id is given; returns how many. Safe to repeat."""
        values = {"consumer": consumer, "ids": list(event_ids) or None}

        async def work(tx: Tx) -> int:
            return (await tx.execute(REPLAY, values)).rowcount

        return await self._db.run(work)

    async def count(self) -> None:
        """Updates the metrics."""
        async with self._db.connection() as connection:
            row = await (await connection.execute(COUNT)).fetchone()
        if row is not None:
            DEAD.set(row[0])
            PARKED.set(row[1])


def _letter(consumer: str, error: str, attempts: int, died_at: datetime, number: int, *columns: Any) -> DeadLetter:
    source, position, event_id, type_, key, time, data, content_type = columns
    event = Event(event_id, source, type_, key, position, time, bytes(data), content_type)
    return DeadLetter(consumer, error, attempts, died_at, number, event)
