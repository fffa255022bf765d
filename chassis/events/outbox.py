"""The outbox: an event is a row in the transaction of the change that it reports, so that neither exists without the other.

The relay assigns a row's `position`, its place in the log. Owns the statements on both tables.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, LiteralString, NamedTuple

import orjson

from chassis import patience
from chassis.db import Database, Tx

BATCH = 500
"""Events that get their position at once; number_events.sql repeats this number."""

PUT = "INSERT INTO outbox (type, key, payload) VALUES (%s, %s, %s::jsonb)"
NUMBER: LiteralString = "SELECT * FROM number_events(%s, %s, %s, %s)"
READ: LiteralString = "SELECT * FROM read_events(%s, %s, %s)"
BOUNDS: LiteralString = """
SELECT coalesce((SELECT position FROM outbox WHERE position IS NOT NULL ORDER BY position LIMIT 1), 0), position
  FROM event_log"""
STATE: LiteralString = "SELECT position, sent FROM event_log"
SENT: LiteralString = "UPDATE event_log SET sent = %s WHERE sent < %s"
SKIP: LiteralString = "UPDATE event_log SET position = %(to)s, sent = %(to)s WHERE position < %(to)s"
SKIP_IDS: LiteralString = """
SELECT setval(s.name, nextval(s.name) + %s) FROM (SELECT pg_get_serial_sequence('outbox', 'id')::regclass AS name) s"""
ID_JUMP = 1_000_000_000
"""Far more events than can be lost between a backup and its restore, and one nine-billionth of what a bigint holds."""
WAITING: LiteralString = """
SELECT count(*) FROM (SELECT FROM outbox WHERE published_at IS NULL AND id > 0 ORDER BY id LIMIT %s) AS found"""
AGAIN: LiteralString = "UPDATE event_log SET sent = least(sent, %s)"


class Row(NamedTuple):
    """An event as stored in the outbox; `payload` is its message in protobuf's JSON mapping."""

    position: int
    id: int
    type: str
    key: str
    payload: str
    time: str


class Bounds(NamedTuple):
    """Positions of the oldest event that is kept (0 when there is none), and of the newest that ever existed."""

    oldest: int
    newest: int


class Numbered(NamedTuple):
    """Events that just got their position in the log. `newest` was the last position before them; transactions before `oldest`
    had ended then, and those from `next` on had not begun."""

    rows: list[Row]
    newest: int
    oldest: int
    next: int


async def put(tx: Tx, *, type: str, key: str, payload: dict[str, Any]) -> None:
    """Writes one event: a CloudEvents type such as `order.order.confirmed`, the key that orders it, its message as JSON."""
    await tx.execute(PUT, (type, key, orjson.dumps(payload).decode()))


class Log:
    """One database's event log: the outbox's rows in the order of their positions."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def number(self, newest: int, floor: int, sent: int, durable: bool) -> Numbered:
        """Assigns the next positions to up to BATCH events that have none; ids up to `floor` are not searched.

        Unless `durable`, its commit does not wait for the disk: a server that crashes may lose the last half second of it.

        One statement, which assigns none unless `newest` is the log's last position: of two relays, one finds that it is not.
        It also records that the broker has all events up to position `sent`.
        """
        values = (newest, floor, sent, "on" if durable else "off")
        async with self._asking() as connection:
            found = await (await connection.execute(NUMBER, values)).fetchall()
        rows = [Row(*row[3:]) for row in found if row[3] is not None]
        return Numbered(rows, *found[0][:3])

    async def state(self) -> tuple[int, int]:
        """The newest position, and the position up to which the broker is known to have all."""
        async with self._asking() as connection:
            row = await (await connection.execute(STATE)).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    async def bounds(self) -> Bounds:
        """The first and last position of the log."""
        async with self._asking() as connection:
            row = await (await connection.execute(BOUNDS)).fetchone()
        return Bounds(0, 0) if row is None else Bounds(*row)

    async def note_sent(self, position: int) -> None:
        """Records that the broker has all events up to this position."""
        async with self._asking() as connection:
            await connection.execute(SENT, (position, position))

    async def send_again(self, after: int) -> None:
        """Records that the broker has lost the events after this position."""
        async with self._asking() as connection:
            await connection.execute(AGAIN, (after,))

    async def skip_to(self, position: int) -> None:
        """Assigns no position up to this one again: a restored database has forgotten that it did before."""
        async with self._asking() as connection:
            await connection.execute(SKIP, {"to": position})

    async def skip_ids(self) -> None:
        """Avoids reusing ids: the broker and consumers may know events by ids that a restore has forgotten."""
        async with self._asking() as connection:
            await connection.execute(SKIP_IDS, (ID_JUMP,))

    async def waiting(self, most: int) -> int:
        """How many events have no position yet, counted up to `most`."""
        async with self._asking() as connection:
            row = await (await connection.execute(WAITING, (most,))).fetchone()
        return 0 if row is None else int(row[0])

    async def read(self, after: int, up_to: int, most: int) -> list[Row]:
        """The log after a position, in order."""
        async with self._asking() as connection:
            return [Row(*row) for row in await (await connection.execute(READ, (after, up_to, most))).fetchall()]

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Tx]:
        """A connection that is given up after a timeout: all events of the service wait for it."""
        async with self._db.connection() as connection:
            with patience.of(patience.READ_S):
                yield connection
