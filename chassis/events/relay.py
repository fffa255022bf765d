"""The relay: assigns events their position in the log and sends them to the broker, in order per key, at least once.

Rows are found by `published_at IS NULL`, never by an id cursor: ids commit out of order. The index keeps numbered rows
until the next vacuum, and skipping all of them in every search would cost more than the events: see `_Floor`.

Numbering and sending are two steps. Events that were numbered and not sent, because the process or the broker ended in between,
are sent again from `event_log.sent`; events that the broker has lost are sent again from the position that it still knows.
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

PUBLISHED = metrics.counter("relay_published_total", "Events that this process sent to the broker")
REPUBLISHED = metrics.counter("relay_republished_total", "Events that were sent again, since they may have been lost")

SLICE = 50
"""Events that are packed and sent at once, which blocks the process for about a millisecond."""
PAUSE_S = 2.0
"""Longest pause between rounds. Every commit of the service wakes the relay at once; a row that a person writes with psql waits
this long. Four services that looked ten times a second caused most of the load of an idle Postgres."""
REST = 0.7
"""Pause after a round, times its duration: under load the next round carries more events, at less cost for each."""
WHOLE_S = 10.0
"""Between searches from further back, see `_Floor`."""
CHECK_S = 5.0
"""Between checks of the events that the broker still has."""
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
        """`on_restored` is called when the database was restored from a backup; it is repeated if it fails."""
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
        """As `run_once`, for the job that repeats it at once if it returns more than 0: only after a full batch."""
        published = await self.run_once()
        return published if published == BATCH else 0

    async def run_once(self) -> int:
        """Publishes up to BATCH events; returns how many. After a crash or BrokerUnreachable some are sent twice."""
        try:
            return await self._round()
        except BaseException:
            # Another process may have relayed meanwhile, or the outcome of sending is open: begin as a new process does.
            self._checked_s = float("-inf")
            self._floor = _Floor(self._monotonic_s)
            raise

    async def maintain_once(self) -> None:
        """Does the broker's periodic work; separate from the rounds, which must not wait for it."""
        if self._publisher is not None:
            await self._publisher.maintain()

    async def close(self) -> None:
        """Closes the publisher; stop the job first."""
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
        """Sends again the events that the broker does not have, a batch at a time; returns how many, 0 when it has all."""
        newest, noted = await self._log.state()
        has = await publisher.newest_position()
        # A broker that knows its newest position repairs the numbering after a crash of Postgres: no need to wait for the disk.
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
        """The broker has positions that the log does not know. A crash of Postgres loses up to a second of numbering, but no
        event: as many events wait for a position again. When they are gone, the database was restored from a backup."""
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
        """The event as it is sent."""
        return event_of(row, self._source, self._event_types, self._content_type)


def event_of(row: Row, source: str, event_types: EventTypes, content_type: ContentType = PROTOBUF) -> Event:
    """An outbox row as an event. If its message cannot be made, it is sent as the stored JSON: nothing is held up."""
    data = row.payload.encode()
    if content_type == PROTOBUF:
        try:
            data = event_types.encode(row.type, orjson.loads(data))
        except (UnknownType, ValueError, TypeError) as odd:
            log.warning("relay.no_message", type=row.type, id=row.id, error=repr(odd))
            content_type = JSON
    return Event(f"{source}-{row.id}", source, row.type, row.key, row.position, row.time, data, content_type)


class _Floor:
    """The id up to which no event is expected to wait: searches begin above it.

    After a search, every event up to the newest that it found is either numbered or belongs to a transaction that was still
    running. Once all of those have ended and another search was made, nothing can be left below. The exception is an id drawn
    by a transaction that had no transaction id yet: so every WHOLE_S a search begins where the one WHOLE_S earlier did. A new
    process begins at 0.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._id = 0
        self._earlier = 0
        self._whole_at_s = monotonic_s() + WHOLE_S
        self._newest = 0
        self._waits: tuple[int, int] | None = None

    def wants_more(self) -> bool:
        """Whether it is time to search from further back."""
        return self._monotonic_s() >= self._whole_at_s

    def start(self, whole: bool) -> int:
        """The id above which the search begins."""
        return self._earlier if whole else self._id

    def looked(self, rows: Sequence[Row], oldest: int, next_: int, whole: bool, cut: bool) -> None:
        """Records a search that numbered these; transactions before `oldest` had ended, those from `next_` on had not begun."""
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
