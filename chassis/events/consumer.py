"""A consumer: handles events of other services, each effect once, in order per key.

A batch and the record that it was handled share one transaction. When that fails, each of its events is tried separately: the
first failure of a key parks that event and later events of the same key; no other key waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from chassis import db_errors, metrics, telemetry
from chassis.db import Database, Tx
from chassis.events.broker import Batch, Broker, BrokerUnreachable, Subscription
from chassis.events.event import Event, matches
from chassis.events.inbox import Inbox

log = telemetry.logger()

HANDLED = metrics.counter("consumer_handled_total", "Events whose effect was committed", "consumer")
REPEATED = metrics.counter("consumer_repeated_total", "Events that came again and had no effect", "consumer")
FAILED = metrics.counter("consumer_failed_total", "Tries to handle an event that failed", "consumer")
AGE = metrics.histogram("consumer_age_seconds", "From an event to the commit of its effect", "consumer")

PAUSE_S = 1.0
"""Between rounds while the broker cannot be reached."""
WAIT_S = 1.0
"""Longest wait of a round for events, hence the longest time that stopping takes."""
MOST_TOGETHER = 500
"""Events of one transaction; the last batch may exceed it."""
RETRY_PAUSE_S = 2.0
"""Between checks for parked events that are due. Each check is a transaction, also in an idle service."""
RETRIES = 100
"""Parked events per round."""

After: TypeAlias = Callable[[], None]
Handle: TypeAlias = Callable[[Tx, Sequence[Event]], Awaitable[After | None]]
"""Applies the effects of events, in their order, inside the transaction. Any exception means that they had no effect.

It may return a function to call after the commit, for work that only this process can do; a crash may skip that call.
"""


class Consumer:
    """Handles events of `sources` whose types match `types`. Its two rounds are jobs of the leading process."""

    def __init__(
        self,
        db: Database,
        broker: Broker,
        name: str,
        sources: Sequence[str],
        types: Sequence[str],
        handle: Handle,
        pace_s: float = 0.0,
    ) -> None:
        self.name = name
        self._pace_s = pace_s
        self._soonest_s = 0.0
        self._db = db
        self._broker = broker
        self._sources = sources
        self._types = types
        self._handle = handle
        self._inbox = Inbox(name)
        self._subscription: Subscription | None = None

    async def run_once(self) -> int:
        """Handles the next events; returns how many. After BrokerUnreachable or the reasons of `db_errors` they come again.

        Events that come within `pace_s` after a round began wait for the next: a transaction costs as much as dozens of events.
        """
        await asyncio.sleep(max(0.0, self._soonest_s - time.monotonic()))
        try:
            if self._subscription is None:
                self._subscription = await self._broker.subscribe(self.name, self._sources)
            batches = await self._gathered(self._subscription)
            self._soonest_s = time.monotonic() + self._pace_s
            await self.take(*batches)
            for batch in batches:
                await self._subscription.ack(batch)
        except BaseException:
            await self.close()
            raise
        return sum(len(batch.events) for batch in batches)

    async def retry_once(self) -> int:
        """Retries parked events that are due; returns how many it tried."""
        async with self._db.connection() as connection:  # a transaction would wake the relay for nothing
            if not await self._inbox.has_due(connection):
                return 0
        async with self._db.transaction() as tx:
            due = await self._inbox.due(tx, RETRIES)
            afters = [await self._retry(tx, event, attempts) for event, attempts in due]
        for after in afters:
            if after is not None:
                after()
        return len(due)

    async def close(self) -> None:
        """Lets another process read for this consumer."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            try:
                await subscription.close()
            except BrokerUnreachable:
                log.debug("consumer.left_open", consumer=self.name)

    async def take(self, *batches: Batch) -> None:
        """Handles events, once each. After the reasons of `db_errors` (Postgres could not do it now), repeat it."""
        events = [event for batch in batches for event in batch.events if matches(event.type, self._types)]
        if not events:
            return
        try:
            await self._together(events)
        except Exception as error:
            if db_errors.is_transient(error):
                raise
            await self._one_by_one(events)

    async def _gathered(self, subscription: Subscription) -> list[Batch]:
        """Available batches of all partitions, for one transaction; waits for the first one."""
        batches: list[Batch] = []
        within_s, events = WAIT_S, 0
        while events < MOST_TOGETHER and (batch := await subscription.next(within_s)) is not None:
            batches.append(batch)
            within_s, events = 0.0, events + len(batch.events)
        return batches

    async def _together(self, events: Sequence[Event]) -> None:
        async def work(tx: Tx) -> tuple[list[Event], list[Event], After | None]:
            fresh = await self._inbox.enter(tx, events)
            blocked = await self._inbox.blocked(tx, fresh) if fresh else set()
            for event in fresh:
                if (event.source, event.key) in blocked:
                    await self._inbox.park(tx, event)
            free = [event for event in fresh if (event.source, event.key) not in blocked]
            return fresh, free, await self._handle(tx, free) if free else None

        fresh, free, after = await self._db.run(work)
        if after is not None:
            after()
        REPEATED.of(self.name).value += len(events) - len(fresh)
        self._count(free)

    async def _one_by_one(self, events: Sequence[Event]) -> None:
        for event in events:
            try:
                await self._together([event])
            except Exception as error:
                if db_errors.is_transient(error):
                    raise
                await self._park(event, error)

    async def _park(self, event: Event, failed: Exception) -> None:
        FAILED.of(self.name).value += 1
        log.warning("consumer.failed", consumer=self.name, event_id=event.id, type=event.type, error=repr(failed))
        async with self._db.transaction() as tx:
            if await self._inbox.enter(tx, [event]):
                await self._inbox.park(tx, event, repr(failed))

    async def _retry(self, tx: Tx, event: Event, attempts: int) -> After | None:
        after: After | None = None
        try:
            async with tx.transaction():  # a savepoint: a failure must not undo the other events
                after = await self._handle(tx, [event])
                await self._inbox.succeeded(tx, event)
            self._count([event])
        except Exception as error:
            if db_errors.is_transient(error):
                raise
            FAILED.of(self.name).value += 1
            if await self._inbox.failed(tx, event, attempts, repr(error)):
                log.warning("consumer.gave_up", consumer=self.name, event_id=event.id, error=repr(error))
            return None
        return after

    def _count(self, events: Sequence[Event]) -> None:
        HANDLED.of(self.name).value += len(events)
        if events:
            told = datetime.fromisoformat(events[0].time)
            AGE.of(self.name).observe(max(0.0, (datetime.now(UTC) - told).total_seconds()))
