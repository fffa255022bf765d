"""Writes the outcome of attempts to the database, many in one statement, together with the health of endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from chassis import telemetry
from chassis.batcher import Batcher
from chassis.db import Database, Tx
from chassis.errors import ServiceError
from chassis.events import outbox
from webhook_svc.app.directory import Directory
from webhook_svc.app.dispatch import LEASE, MOST_HELD
from webhook_svc.domain import schedule
from webhook_svc.domain.delivery import Tried
from webhook_svc.domain.endpoint import Endpoint, Health
from webhook_svc.store import deliveries, endpoints, events

log = telemetry.logger()

LANES = 2
BATCH = 200
AGAIN_S = 0.5
"""Pause between tries while Postgres is unavailable. After the lease another process resends: nothing is left to record."""
TRIES = int(LEASE.total_seconds() / AGAIN_S)


class Recording:
    """Call `start` in the running loop and `close` after the last attempt."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        now: Callable[[], datetime],
        given_up_after: timedelta = schedule.GIVEN_UP_AFTER,
    ) -> None:
        self._database = database
        self._directory = directory
        self._now = now
        self._given_up_after = given_up_after
        self._batcher: Batcher[Tried, None] = Batcher(
            self._flush, lanes=LANES, batch_weight=BATCH, queue_items=MOST_HELD, name="webhook.record"
        )

    def start(self) -> None:
        """Starts the writes."""
        self._batcher.start()

    async def close(self) -> None:
        """Writes the remaining outcomes."""
        await self._batcher.close()

    async def record(self, tried: Tried) -> None:
        """Returns when it is written, or when its lease has ended while Postgres was unavailable."""
        for _ in range(TRIES):
            try:
                await self._batcher.submit(tried)
            except ServiceError as unreachable:
                if tried.work.lease_ends <= self._now():
                    break
                log.debug("recording.again", error=str(unreachable))
                await asyncio.sleep(AGAIN_S)
            else:
                return
        log.warning("recording.lost", delivery_id=tried.work.delivery_id)

    async def _flush(self, batch: Sequence[Tried]) -> Sequence[None]:
        changing = [one for one in batch if self._changes_health(one)]
        if changing:
            changed = await self._database.run(lambda tx: self._with_health(tx, batch, changing))
            self._directory.learn(changed)
        else:
            async with (
                self._database.connection() as connection
            ):  # one statement: needs no transaction and wakes no job
                await deliveries.record(connection, batch)
        return [None] * len(batch)

    def _changes_health(self, tried: Tried) -> bool:
        """Whether the endpoint's health in the database must change, judged by its last known row."""
        target = self._directory.get(tried.work.endpoint_id)
        if tried.outcome is None or target is None:
            return False
        known = target.endpoint.health
        return schedule.health_after(known, tried.outcome, tried.end_time, self._given_up_after) != known

    async def _with_health(self, tx: Tx, batch: Sequence[Tried], changing: Sequence[Tried]) -> list[Endpoint]:
        await deliveries.record(tx, batch)
        found = await endpoints.lock_all(tx, sorted({one.work.endpoint_id for one in changing}))
        after = {endpoint.endpoint_id: endpoint.health for endpoint in found if not endpoint.deleted}
        for one in changing:
            before = after.get(one.work.endpoint_id)
            if before is not None and one.outcome is not None:
                after[one.work.endpoint_id] = schedule.health_after(
                    before, one.outcome, one.end_time, self._given_up_after
                )
        changed = [
            (one, after[one.endpoint_id]) for one in found if after.get(one.endpoint_id, one.health) != one.health
        ]
        if not changed:
            return found
        written = await endpoints.set_health(tx, [(one.endpoint_id, health) for one, health in changed])
        await self._tell(tx, written, {one.endpoint_id: one.health for one, _ in changed})
        return written

    async def _tell(self, tx: Tx, written: Sequence[Endpoint], before: dict[str, Health]) -> None:
        for endpoint in written:
            if before[endpoint.endpoint_id].enabled and not endpoint.health.enabled:
                payload = events.endpoint_disabled(endpoint)
                await outbox.put(tx, type=events.ENDPOINT_DISABLED, key=endpoint.endpoint_id, payload=payload)
                log.warning("endpoint.disabled", endpoint_id=endpoint.endpoint_id, reason=endpoint.health.reason.value)
