"""The relay: outbox rows to Redis Streams, in order per key, at least once; a consumer knows a repeat by the event's id.

Rows are found by `published_at IS NULL`, never by an id cursor: ids commit out of order. One relay per database at a time. The
index keeps what was published until the next vacuum, and finding the first of the rest would mean to pass all of that: so most
looks begin above a floor that is older than any transaction, and every WHOLE_S one begins at the beginning.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

import orjson

from chassis import metrics, telemetry
from chassis.db import Database
from chassis.redis import Client
from chassis.wire import Wire, Word

log = telemetry.logger()

PUBLISHED = metrics.counter("relay_published_total", "Events that this process brought to the streams")

PARTITIONS = 8
"""Ordered streams per service: `events:inventory:0` ... `:7`; a key always has the same one."""
BATCH = 500
SLICE = 50
"""Events that are packed and sent in one go: about a millisecond in which the process answers nobody else."""
STREAM_LENGTH = 100_000
"""Entries kept per stream, roughly: a consumer further behind reads the outbox."""
PAUSE_S = 0.1
"""Between rounds: how late an event may come, and what gathers for the next one."""
WHOLE_S = 10.0
"""Between looks at all rows. A transaction that takes longer to commit than this has its events published so much later."""
RELAY_CLASS: LiteralString = "7403"

CLAIM: LiteralString = f"SELECT pg_try_advisory_xact_lock({RELAY_CLASS}, 0)"
READ: LiteralString = """
SELECT id, type, key, payload::text, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM outbox WHERE published_at IS NULL AND id > %s ORDER BY id LIMIT %s"""
DONE: LiteralString = "UPDATE outbox SET published_at = now() WHERE id = ANY (%s)"


class Relay:
    """Publishes one service's outbox. `source` is the service's name in CloudEvents' terms."""

    def __init__(
        self, db: Database, streams: Client, source: str, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._wire = Wire(streams)
        self._source = source
        self._floor = _Floor(monotonic_s)

    async def run_round(self) -> int:
        """As `run_once`, for the job that repeats it: more than nothing, hence at once again, only after a full batch.

        What a pause brings shares one round, which costs as much as publishing dozens of events.
        """
        published = await self.run_once()
        return published if published == BATCH else 0

    async def run_once(self) -> int:
        """Publishes up to BATCH events; answers how many. A crash before the mark repeats them: duplicates are possible."""
        async with self._db.transaction() as tx:
            row = await (await tx.execute(CLAIM)).fetchone()
            if row is None or not row[0]:
                return 0  # another process relays
            whole = self._floor.wants_whole()
            rows = await (await tx.execute(READ, (0 if whole else self._floor.id, BATCH))).fetchall()
            for first in range(0, len(rows), SLICE):
                await self._wire.call_all([self._append(event) for event in rows[first : first + SLICE]])
            if rows:
                await tx.execute(DONE, ([event[0] for event in rows],))
        self._floor.looked(whole, [event[0] for event in rows])
        PUBLISHED.value += len(rows)
        return len(rows)

    def close(self) -> None:
        """Ends the connection to the streams; stop the job first."""
        self._wire.close()

    def _append(self, event: tuple[Any, ...]) -> tuple[Word, ...]:
        """XADD of CloudEvents 1.0 attributes and the payload as JSON; `id` is what consumers deduplicate by."""
        number, kind, key, payload, created = event
        stream = f"events:{self._source}:{partition_of(key)}"
        return (
            *("XADD", stream, "MAXLEN", "~", STREAM_LENGTH, "*"),
            *("specversion", "1.0"),
            *("id", f"{self._source}-{number}"),
            *("source", f"/{self._source}"),
            *("type", kind),
            *("subject", key),
            *("partitionkey", key),
            *("sequence", str(number)),
            *("time", created),
            *("datacontenttype", "application/json"),
            *("data", orjson.dumps(orjson.loads(payload))),
        )


class _Floor:
    """Below `id` nothing waits: it was the newest event of the whole look before the last one."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._whole_at_s = float("-inf")
        self._newest = 0
        self._next = 0
        self.id = 0

    def wants_whole(self) -> bool:
        """Whether it is time to look at all rows again."""
        return self._monotonic_s() >= self._whole_at_s + WHOLE_S

    def looked(self, whole: bool, ids: Sequence[int]) -> None:
        """A look has found and published these, in their order. One that was cut short by BATCH was not whole."""
        if ids:
            self._newest = ids[-1]
        if not whole or len(ids) == BATCH:
            return
        late = bool(ids) and ids[0] <= self.id  # a long transaction, or a restored database counts anew
        self.id, self._next = (0 if late else self._next), self._newest
        self._whole_at_s = self._monotonic_s()


def partition_of(key: str) -> int:
    """Which stream a key belongs to; the same in every process and release."""
    return zlib.crc32(key.encode()) % PARTITIONS
