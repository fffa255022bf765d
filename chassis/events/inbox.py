"""The inbox: events of other services that were handled, that failed and wait for another try, or that were given up.

An event counts as handled in the transaction of its effect, so each effect happens once however often the event comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from chassis.db import Tx
from chassis.events.event import Event

MOST_TRIES = 10
FIRST_PAUSE_S = 1.0
"""After the first try; twice as long after each. Ten tries take about eight and a half minutes."""
MOST_ERROR = 500
"""Characters that are kept of an error."""

BLOCKED: LiteralString = """
SELECT DISTINCT source, key FROM parked_events
 WHERE consumer = %s AND source = ANY (%s) AND key = ANY (%s) AND state IN ('RETRYING', 'WAITING')"""
ENTER: LiteralString = """
INSERT INTO inbox (consumer, event_id) SELECT %s, unnest(%s::text[])
ON CONFLICT DO NOTHING RETURNING event_id"""
PARK: LiteralString = """
INSERT INTO parked_events
  (consumer, source, position, event_id, type, key, time, data, content_type, state, attempts, error, due_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now() + %s * interval '1 second')
ON CONFLICT DO NOTHING"""
DUE: LiteralString = """
SELECT source, position, event_id, type, key, time, data, content_type, attempts FROM parked_events p
 WHERE consumer = %s AND due_at <= now() AND (state = 'RETRYING' OR state = 'WAITING' AND NOT EXISTS (
         SELECT FROM parked_events b
          WHERE (b.consumer, b.source, b.key) = (p.consumer, p.source, p.key)
            AND b.position < p.position AND b.state IN ('RETRYING', 'WAITING')))
 ORDER BY due_at, position LIMIT %s FOR UPDATE SKIP LOCKED"""
HAS_DUE: LiteralString = """
SELECT FROM parked_events WHERE consumer = %s AND due_at <= now() AND state <> 'DEAD' LIMIT 1"""
DONE: LiteralString = "DELETE FROM parked_events WHERE consumer = %s AND event_id = %s"
FAILED: LiteralString = """
UPDATE parked_events
   SET attempts = attempts + 1, error = %s, due_at = now() + %s * interval '1 second',
       state = CASE WHEN attempts + 1 < %s THEN 'RETRYING' ELSE 'DEAD' END
 WHERE consumer = %s AND event_id = %s RETURNING state"""


class Inbox:
    """One consumer's part of the tables `inbox` and `parked_events`; every method works in the caller's transaction."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer

    async def enter(self, tx: Tx, events: Sequence[Event]) -> list[Event]:
        """Records that these are handled; returns those that were not handled before, in their order and each once.

        Rows are inserted in the order of their ids, so that two consumers with the same events cannot deadlock.
        """
        once: dict[str, Event] = {}
        for event in events:
            once.setdefault(event.id, event)
        cursor = await tx.execute(ENTER, (self._consumer, sorted(once)))
        fresh = {row[0] for row in await cursor.fetchall()}
        return [event for event in once.values() if event.id in fresh]

    async def blocked(self, tx: Tx, events: Sequence[Event]) -> set[tuple[str, str]]:
        """Sources and keys of these events for which an earlier event has failed and waits for another try."""
        sources = list({event.source for event in events})
        cursor = await tx.execute(BLOCKED, (self._consumer, sources, [event.key for event in events]))
        return {(row[0], row[1]) for row in await cursor.fetchall()}

    async def park(self, tx: Tx, event: Event, error: str = "") -> None:
        """Keeps an event that failed with `error`, or one that waits behind such an event, for later."""
        state, attempts, pause_s = ("RETRYING", 1, FIRST_PAUSE_S) if error else ("WAITING", 0, 0)
        await tx.execute(
            PARK,
            (
                *(self._consumer, event.source, event.position, event.id, event.type, event.key, event.time),
                *(event.data, event.content_type, state, attempts, error[:MOST_ERROR], pause_s),
            ),
        )

    async def has_due(self, tx: Tx) -> bool:
        """Whether any event may be due; events behind one that fails are counted, but may not be tried yet."""
        return await (await tx.execute(HAS_DUE, (self._consumer,))).fetchone() is not None

    async def due(self, tx: Tx, most: int) -> list[tuple[Event, int]]:
        """Events whose next try is due, each the first of its key, and how often they were tried."""
        rows: list[tuple[Any, ...]] = await (await tx.execute(DUE, (self._consumer, most))).fetchall()
        return [
            (Event(event_id, source, type_, key, position, time, bytes(data), content_type), attempts)
            for source, position, event_id, type_, key, time, data, content_type, attempts in rows
        ]

    async def succeeded(self, tx: Tx, event: Event) -> None:
        """Removes an event that is handled now; the next of its key is due."""
        await tx.execute(DONE, (self._consumer, event.id))

    async def failed(self, tx: Tx, event: Event, attempts: int, error: str) -> bool:
        """Records another failed try; returns whether it was the last one. Then the next event of its key is due."""
        pause_s = FIRST_PAUSE_S * 2**attempts
        values = (error[:MOST_ERROR], pause_s, MOST_TRIES, self._consumer, event.id)
        row = await (await tx.execute(FAILED, values)).fetchone()
        return row is not None and row[0] == "DEAD"
