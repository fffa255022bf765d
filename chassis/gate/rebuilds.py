"""The journal's side of a rebuild: the row of the current epoch, the locks, and a snapshot to load the gate from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString, NamedTuple

from chassis.db import Database, Tx
from chassis.gate.gate import Entry
from chassis.gate.model import NO_MARK, Mark, Taken

REBUILDER_CLASS = 7402
"""Advisory lock (class, partition), held by a session while it rebuilds: one at a time, across all processes."""
ROWS = 5_000
"""Rows read and loaded at once: bounds the memory of a rebuild."""

EXCLUSIVE: LiteralString = "SELECT pg_advisory_xact_lock(7401, %s)"
LIFE: LiteralString = (
    "(SELECT concat_ws('/', s.system_identifier, d.oid, c.timeline_id)"
    " FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database())"
)
"""Identifies the database itself: another cluster, a re-created database and a promoted standby have another value."""
NEXT: LiteralString = f"""
INSERT INTO gate (partition, epoch, run_id, life) VALUES (%s, %s, %s, {LIFE})
ON CONFLICT (partition) DO UPDATE SET epoch = greatest(gate.epoch + 1, excluded.epoch), run_id = excluded.run_id,
  life = excluded.life, rebuilt_at = now()
RETURNING epoch"""
CURRENT: LiteralString = f"SELECT epoch, run_id, life = {LIFE}, mark, mark_token FROM gate WHERE partition = %s"
ADVANCE: LiteralString = """
UPDATE gate SET mark = mark + 1, mark_token = %s
 WHERE partition = %s AND epoch = %s AND mark = %s AND mark_token = %s RETURNING mark"""


class Serving(NamedTuple):
    """The journal's current epoch (0: none yet), the gate's run it was loaded into, whether Postgres still is the
    database that it was loaded from, and the journal's mark, which is raised every three seconds while the gate serves."""

    epoch: int
    run_id: str
    same_life: bool
    mark: Mark


class Snapshot:
    """Counters and live reservations of one instant at which no process could write."""

    def __init__(self, reader: Tx, epoch: int, partition: int, counters: LiteralString, live: LiteralString) -> None:
        self.epoch = epoch
        self._reader = reader
        self._partition = partition
        self._counters: LiteralString = counters
        self._live: LiteralString = live

    async def counters(self) -> AsyncIterator[list[tuple[str, int]]]:
        """Units that may be taken of each counter key, up to ROWS at a time."""
        async with self._reader.cursor("counters") as cursor:
            await cursor.execute(self._counters, (self._partition,))
            while rows := await cursor.fetchmany(ROWS):
                yield [(row[0], row[1]) for row in rows]

    async def entries(self) -> AsyncIterator[list[Entry]]:
        """Reservations that are active, up to ROWS at a time."""
        async with self._reader.cursor("live") as cursor:
            await cursor.execute(self._live, (self._partition,))
            while rows := await cursor.fetchmany(ROWS):
                yield [Entry(row[0], row[1], row[2], _taken(row[3]), row[4]) for row in rows]


class Rebuilds:
    """One partition's epochs in one service's database; `levels` and `reservations` are that service's tables."""

    def __init__(self, db: Database, partition: int, levels: LiteralString, reservations: LiteralString) -> None:
        self._db = db
        self.partition = partition
        self._counters: LiteralString = (
            "SELECT key, on_hand - reserved - committed - unavailable + backorder_limit"
            f" FROM {levels} WHERE partition = %s"
        )
        self._live: LiteralString = (
            "SELECT id, fingerprint, nonce, lines, journal_ms(expires_at)"
            f" FROM {reservations} WHERE partition = %s AND state = 'ACTIVE'"
        )

    async def serving(self) -> Serving:
        """The current epoch."""
        async with self._db.connection() as connection:
            row = await (await connection.execute(CURRENT, (self.partition,))).fetchone()
        return Serving(0, "", True, NO_MARK) if row is None else Serving(row[0], row[1], row[2], Mark(row[3], row[4]))

    async def advance(self, epoch: int, seen: Mark, token: str) -> Mark | None:
        """Raises the journal's mark and returns it, durable; None when the epoch or the mark has changed since it was read."""
        values = (token, self.partition, epoch, *seen)
        async with self._db.connection() as connection:
            row = await (await connection.execute(ADVANCE, values)).fetchone()
        return None if row is None else Mark(row[0], token)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Waits until no other session rebuilds, and keeps others out. A lost connection ends that without notice."""
        async with self._db.connection() as connection:
            await connection.execute("SELECT pg_advisory_lock(%s, %s)", (REBUILDER_CLASS, self.partition))
            try:
                yield
            finally:
                await connection.execute("SELECT pg_advisory_unlock(%s, %s)", (REBUILDER_CLASS, self.partition))

    @asynccontextmanager
    async def begin(self, run_id: str, least: int) -> AsyncIterator[Snapshot]:
        """Makes a new epoch, `least` or above, current, and takes the snapshot while no process can write to the journal.

        The lock is held only until the snapshot exists: later writers use the new epoch and give to the gate after it is
        published, so their changes are added to the snapshot, never lost and never counted twice.
        """
        async with self._db.connection() as reader:
            async with self._db.transaction() as tx:
                await tx.execute(EXCLUSIVE, (self.partition,))
                row = await (await tx.execute(NEXT, (self.partition, least, run_id))).fetchone()
                epoch = 0 if row is None else int(row[0])
                await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                await reader.execute("SELECT 1")  # the snapshot is taken by the first statement
            try:
                yield Snapshot(reader, epoch, self.partition, self._counters, self._live)
            finally:
                await reader.execute("ROLLBACK")


def _taken(lines: list[dict[str, object]]) -> Taken:
    return tuple((str(line["key"]), int(str(line["quantity"]))) for line in lines)
