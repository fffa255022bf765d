"""The relay: gives events their place in the log and brings them to the broker, in order per key, at least once.

Rows are found by `published_at IS NULL`, never by an id cursor: ids commit out of order. The index keeps what was numbered
until the next vacuum, and passing all of that at every look would cost more than the events: see `_Floor`.

Numbering and sending are two steps. What was numbered and not sent, because the process or the broker ended in between, is sent
again from `event_log.sent`; what the broker has lost is sent again from the place it still knows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import orjson

from chassis import metrics, telemetry
from chassis.db import Database
from chassis.events.broker import Broker, Publisher
from chassis.events.event import JSON, PROTOBUF, ContentType, Event
from chassis.events.event_types import EventTypes, UnknownType
from chassis.events.outbox import BATCH, Log, Row

log = telemetry.logger()

PUBLISHED = metrics.counter("relay_published_total", "Events that this process brought to the broker")
REPUBLISHED = metrics.counter("relay_republished_total", "Events that were sent again, since they may have been lost")

SLICE = 50
"""Events that are packed and sent in one go: about a millisecond in which the process answers nobody else."""
PAUSE_S = 2.0
"""Longest pause between looks. Every commit of ours wakes the relay at once; a row that a person writes with psql waits this
long. Four services that looked ten times a second were most of what an idle Postgres did."""
REST = 0.7
"""Times as long as a round took: under load the next one has more to carry, which costs less for each."""
WHOLE_S = 10.0
"""Between looks from further back, see `_Floor`."""
CHECK_S = 5.0
"""Between looks at what the broker still has."""
MAINTAIN_S = 5.0


class Relay:
    """Publishes one service's outbox. `source` is the service's name; events of types outside `event_types` travel as JSON."""

    def __init__(
        self,
        db: Database,
        broker: Broker,
        source: str,
        event_types: EventTypes,
        content_type: ContentType = PROTOBUF,
        monotonic_s: Callable[[], float] = time.monotonic,
        on_restored: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`on_restored` is called when the database was restored from a backup; again if it fails."""
        self._log = Log(db)
        self._broker = broker
        self._source = source
        self._event_types = event_types
        self._content_type = content_type
        self._monotonic_s = monotonic_s
        self._on_restored = on_restored
        self._floor = _Floor(monotonic_s)
        self._publisher: Publisher | None = None
        self._checked_s = float("-inf")
        self._durable = True
        self._newest = 0
        self._sent = 0
        self._noted = 0

    async def run_round(self) -> int:
        """As `run_once`, for the job that repeats it: more than nothing, hence at once again, only after a full batch."""
        published = await self.run_once()
        return published if published == BATCH else 0

    async def run_once(self) -> int:
        """Publishes up to BATCH events; answers how many. After a crash or BrokerUnreachable some are sent twice."""
        try:
            return await self._round()
        except BaseException:
            # Somebody else may have relayed meanwhile, or the outcome of what was sent is open: begin as a new process does.
            self._checked_s = float("-inf")
            self._floor = _Floor(self._monotonic_s)
            raise

    async def maintain_once(self) -> None:
        """What the broker needs every few seconds; beside the rounds, which shall not wait for it."""
        if self._publisher is not None:
            await self._publisher.maintain()

    async def close(self) -> None:
        """Notes how far it came; stop the job first."""
        if self._publisher is not None:
            await self._publisher.close()
            self._publisher = None

    async def _round(self) -> int:
        if self._publisher is None:
            self._publisher = await self._broker.publisher(self._source)
        if self._monotonic_s() >= self._checked_s + CHECK_S:
            again = await self._check(self._publisher)
            if again:
                return again
        whole = self._floor.wants_more()
        found = await self._log.number(self._newest, self._floor.start(whole), self._sent, self._durable)
        if found.newest != self._newest:
            self._checked_s = float("-inf")  # another process relays, or did
            return 0
        self._floor.looked(found.rows, found.oldest, found.next, whole, len(found.rows) == BATCH)
        if found.rows:
            self._newest, self._noted = found.rows[-1].position, self._sent
            await self._send(self._publisher, found.rows)
            PUBLISHED.value += len(found.rows)
        elif self._noted < self._sent:
            await self._log.note_sent(self._sent)
            self._noted = self._sent
        return len(found.rows)

    async def _check(self, publisher: Publisher) -> int:
        """Sends again what the broker does not have, a batch at a time; answers how many, 0 when it has all."""
        newest, noted = await self._log.state()
        has = await publisher.newest_position()
        # A broker that remembers tells after a crash of Postgres which places were given: they need not wait for the disk.
        self._durable = has is None
        sent = noted if has is None else has
        if sent < noted:
            log.warning("relay.lost", source=self._source, broker_has=sent, sent=noted)
            await self._log.send_again(sent)
        if has is not None and has > newest:
            await self._note_lost(has, newest)
            await self._log.skip_to(has)
            newest = has
        rows = await self._log.read(sent, newest, BATCH)
        if rows:
            await self._send(publisher, rows)
            REPUBLISHED.value += len(rows)
            await self._log.note_sent(self._sent)
            return len(rows)
        self._newest = self._sent = self._noted = newest
        if newest > noted:
            await self._log.note_sent(newest)
        self._checked_s = self._monotonic_s()
        return 0

    async def _note_lost(self, has: int, newest: int) -> None:
        """The broker has places that the log does not know. A crash of Postgres loses up to a second of numbering, but no
        event: as many wait for a place again. When they are gone, the database was restored from a backup."""
        if await self._log.waiting(has - newest) >= has - newest:
            log.warning("relay.numbers_lost", source=self._source, broker_has=has, newest=newest)
            return
        log.warning("relay.restored", source=self._source, broker_has=has, newest=newest)
        await self._log.skip_ids()
        if self._on_restored is not None:
            await self._on_restored()

    async def _send(self, publisher: Publisher, rows: Sequence[Row]) -> None:
        for first in range(0, len(rows), SLICE):
            await publisher.publish([self.event(row) for row in rows[first : first + SLICE]])
            self._sent = rows[min(first + SLICE, len(rows)) - 1].position
            await asyncio.sleep(0)

    def event(self, row: Row) -> Event:
        """The event as it travels."""
        return event_of(row, self._source, self._event_types, self._content_type)


def event_of(row: Row, source: str, event_types: EventTypes, content_type: ContentType = PROTOBUF) -> Event:
    """An outbox row as an event. One whose message cannot be made travels as the JSON that was written: nothing is held up."""
    data = row.payload.encode()
    if content_type == PROTOBUF:
        try:
            data = event_types.encode(row.type, orjson.loads(data))
        except (UnknownType, ValueError, TypeError) as odd:
            log.warning("relay.no_message", type=row.type, id=row.id, error=repr(odd))
            content_type = JSON
    return Event(f"{source}-{row.id}", source, row.type, row.key, row.position, row.time, data, content_type)


class _Floor:
    """Up to `id` nothing waits, as far as one can tell: looks begin above it.

    After a look, every event up to the newest that it found is either numbered or belongs to a transaction that was still
    running. When all of those have ended and a later look has been, nothing can be left below. An id that was drawn by a
    transaction without a number of its own yet may escape that: so every WHOLE_S a look begins where the one WHOLE_S earlier
    did. A new process begins at the beginning.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._id = 0
        self._earlier = 0
        self._whole_at_s = monotonic_s() + WHOLE_S
        self._newest = 0
        self._waits: tuple[int, int] | None = None

    def wants_more(self) -> bool:
        """Whether it is time to look from further back."""
        return self._monotonic_s() >= self._whole_at_s

    def start(self, whole: bool) -> int:
        """Where the look begins."""
        return self._earlier if whole else self._id

    def looked(self, rows: Sequence[Row], oldest: int, next_: int, whole: bool, cut: bool) -> None:
        """A look has numbered these; transactions before `oldest` had ended, those from `next_` on had not begun."""
        if self._waits is not None and oldest >= self._waits[1]:
            self._id = max(self._id, self._waits[0])
            self._waits = None
        if rows:
            self._newest = max(self._newest, rows[-1].id)
        if self._waits is None and self._newest > self._id and not (whole and cut):
            self._waits = (rows[-1].id if cut else self._newest, next_)
        if whole and not cut:
            self._earlier = self._id
            self._whole_at_s = self._monotonic_s() + WHOLE_S
