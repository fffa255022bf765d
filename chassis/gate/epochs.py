"""Which epoch this process serves in, and the rebuild that makes a new one (rule 10 of the protocol)."""

from __future__ import annotations

import asyncio
import time
from typing import LiteralString

from chassis import context, errors, telemetry
from chassis.db import Database, Tx
from chassis.gate.gate import Entry, Gate
from chassis.gate.model import Taken

log = telemetry.logger()

REBUILDER_CLASS = 7402
"""Advisory lock (class, partition), held by a session while it rebuilds: one at a time, over all processes."""
ROWS = 5_000
"""Rows read and loaded at once: bounds the memory of a rebuild."""
SOON_MS = 3_000
"""The sweeper looks at every reloaded reservation this soon: some ended while the gate was loading."""

EXCLUSIVE: LiteralString = "SELECT pg_advisory_xact_lock(7401, %s)"
NEXT: LiteralString = """
INSERT INTO gate (partition, epoch, run_id, timeline) VALUES (%(partition)s, %(now)s, %(run_id)s, %(timeline)s)
ON CONFLICT (partition) DO UPDATE SET epoch = greatest(gate.epoch + 1, excluded.epoch), run_id = excluded.run_id,
  timeline = excluded.timeline, rebuilt_at = now()
RETURNING epoch"""
CURRENT: LiteralString = "SELECT epoch, run_id, timeline FROM gate WHERE partition = %s"
TIMELINE: LiteralString = "SELECT timeline_id FROM pg_control_checkpoint()"


class Epochs:
    """Knows the current epoch; makes a new one when the gate lost what it knew. One per partition and process."""

    def __init__(
        self, db: Database, gate: Gate, partition: int, levels: LiteralString, reservations: LiteralString
    ) -> None:
        self._db = db
        self._gate = gate
        self._partition = partition
        self.current = 0
        """The epoch to call the gate with; 0 until the first one was adopted."""
        self._work: asyncio.Task[None] | None = None
        self._counters: LiteralString = (
            "SELECT key, on_hand - reserved - committed - unavailable + backorder_limit"
            f" FROM {levels} WHERE partition = %s"
        )
        self._live: LiteralString = (
            "SELECT id, fingerprint, nonce, lines, journal_ms(expires_at)"
            f" FROM {reservations} WHERE partition = %s AND state = 'ACTIVE'"
        )

    async def ensure(self, lost: int, force: bool = False) -> None:
        """Returns once an epoch other than `lost` serves, or `lost` itself after all; GATE_REBUILDING when the
        deadline comes first. With `force`, `lost` is replaced even if it serves. Callers share one attempt."""
        if self.current != lost and self.current:
            return
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._adopt_or_rebuild(lost, force))
        try:
            await asyncio.wait_for(asyncio.shield(self._work), context.remaining_s())
        except TimeoutError:
            raise errors.unavailable("GATE_REBUILDING", "the gate is being rebuilt", 1_000) from None

    async def is_serving(self) -> bool:
        """True when the gate answers in this process's epoch."""
        return self.current != 0 and await self._gate.serves(self.current)

    async def watch(self) -> None:
        """Rebuilds when the gate's server or the journal's timeline changed under us, or nobody serves."""
        async with self._db.connection() as connection:
            row = await (await connection.execute(CURRENT, (self._partition,))).fetchone()
            timeline = await (await connection.execute(TIMELINE)).fetchone()
        if row is None or not await self._gate.serves(row[0]):
            await self.ensure(self.current)
        elif row[1] != await self._gate.run_id() or (timeline is not None and row[2] != timeline[0]):
            self.current = row[0]
            await self.ensure(row[0], force=True)
        else:
            self.current = row[0]

    async def _adopt_or_rebuild(self, lost: int, force: bool) -> None:
        """Under the session lock: somebody else may have rebuilt while we waited for it."""
        async with self._db.connection() as connection:
            await connection.execute("SELECT pg_advisory_lock(%s, %s)", (REBUILDER_CLASS, self._partition))
            try:
                row = await (await connection.execute(CURRENT, (self._partition,))).fetchone()
                known = 0 if row is None else int(row[0])
                if known and not (force and known == lost) and await self._gate.serves(known):
                    self.current = known
                    return
                self.current = await self._rebuild()
            finally:
                await connection.execute("SELECT pg_advisory_unlock(%s, %s)", (REBUILDER_CLASS, self._partition))

    async def _rebuild(self) -> int:
        """A new epoch, loaded from a snapshot of the journal that was taken while nobody could write to it.

        The lock is held only until the snapshot stands: later writers carry the new epoch and give to the gate after
        it is published, so what they change is added to the snapshot, never lost and never counted twice.
        """
        started = time.monotonic()
        await self._gate.check_server()
        run_id = await self._gate.run_id()
        async with self._db.connection() as reader:
            async with self._db.transaction() as tx:
                await tx.execute(EXCLUSIVE, (self._partition,))
                timeline = await (await tx.execute(TIMELINE)).fetchone()
                values = {
                    "partition": self._partition,
                    "now": int(time.time() * 1000),
                    "run_id": run_id,
                    "timeline": 0 if timeline is None else timeline[0],
                }
                row = await (await tx.execute(NEXT, values)).fetchone()
                epoch = 0 if row is None else int(row[0])
                await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                await reader.execute("SELECT 1")  # the snapshot is taken by the first statement
            try:
                counters, entries = await self._load(reader, epoch)
            finally:
                await reader.execute("ROLLBACK")
        published = await self._gate.publish(epoch)
        log.info(
            "gate.rebuilt",
            partition=self._partition,
            epoch=epoch,
            published=published,
            counters=counters,
            reservations=entries,
            seconds=round(time.monotonic() - started, 3),
        )
        if not published:
            raise errors.unavailable("GATE_REBUILDING", "another rebuild is ahead", 200)
        return epoch

    async def _load(self, reader: Tx, epoch: int) -> tuple[int, int]:
        await self._gate.announce(epoch)
        counters = entries = 0
        async with reader.cursor("counters") as cursor:
            await cursor.execute(self._counters, (self._partition,))
            while rows := await cursor.fetchmany(ROWS):
                counters += len(rows)
                await self._gate.load_counters(epoch, [(row[0], row[1]) for row in rows])
        due_ms = int(time.time() * 1000) + SOON_MS
        async with reader.cursor("live") as cursor:
            await cursor.execute(self._live, (self._partition,))
            while rows := await cursor.fetchmany(ROWS):
                entries += len(rows)
                loaded = [Entry(row[0], row[1], row[2], _taken(row[3]), row[4]) for row in rows]
                await self._gate.load_entries(epoch, loaded, due_ms)
        return counters, entries


def _taken(lines: list[dict[str, object]]) -> Taken:
    return tuple((str(line["key"]), int(str(line["quantity"]))) for line in lines)
