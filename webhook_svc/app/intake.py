"""Intake of events: each becomes one delivery per endpoint that wants it, in the consumer's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from chassis.db import Tx
from chassis.events.event import Event
from webhook_svc.app.bodies import Bodies
from webhook_svc.app.directory import Directory, Target
from webhook_svc.app.dispatch import LEASE, Dispatch
from webhook_svc.domain.delivery import Cause, Message, Planned, Work
from webhook_svc.store import deliveries

CONSUMER = "webhooks"


class Intake:
    """The consumer's handler."""

    def __init__(self, directory: Directory, bodies: Bodies, dispatch: Dispatch, now: Callable[[], datetime]) -> None:
        self._directory = directory
        self._bodies = bodies
        self._dispatch = dispatch
        self._now = now

    async def handle(self, tx: Tx, events: Sequence[Event]) -> Callable[[], None]:
        """Makes the deliveries; those that this process has room for are leased by it and begin after the commit."""
        await self._directory.catch_up(tx)
        now, batch = self._now(), _Batch(self._dispatch)
        for event in events:
            targets = self._directory.asking_for(event.type, event.key)
            if targets:  # kept for disabled endpoints too, so that a replay finds it
                batch.add(self._bodies.message(event), targets)
        if not batch.messages:
            return _nothing
        ends = now + LEASE
        made = await deliveries.make(tx, list(batch.messages.values()), batch.planned, Cause.EVENT, now, ends)
        works = [batch.work(*row, ends) for row in made]
        left = batch.left

        def begin() -> None:
            self._dispatch.begin(works)
            self._dispatch.look_for(left)

        return begin


class _Batch:
    """The messages and deliveries of one batch of events; deliveries are leased if there is room."""

    def __init__(self, dispatch: Dispatch) -> None:
        self.messages: dict[str, Message] = {}
        self.planned: list[Planned] = []
        self.left: set[str] = set()
        self._dispatch = dispatch
        self._taken: Counter[str] = Counter()
        self._lease = dispatch.new_lease()

    def add(self, message: Message, targets: Sequence[Target]) -> None:
        """Adds one event for these endpoints."""
        self.messages[message.event_id] = message
        for target in targets:
            if target.health.enabled:
                self.planned.append(self._plan(message, target))

    def _plan(self, message: Message, target: Target) -> Planned:
        """Plans one delivery. Ordered ones are never leased here: only the database knows the earlier ones."""
        endpoint_id, ordered = target.endpoint_id, target.endpoint.wishes.ordered
        if not ordered and self._taken[endpoint_id] < self._dispatch.room(target):
            self._taken[endpoint_id] += 1
            return Planned(endpoint_id, message.event_id, ordered, self._lease)
        self.left.add(endpoint_id)
        return Planned(endpoint_id, message.event_id, ordered, "")

    def work(self, delivery_id: int, endpoint_id: str, event_id: str, lease_ends: datetime) -> Work:
        """A delivery that was made under this process's lease."""
        message = self.messages[event_id]
        return Work(
            delivery_id=delivery_id,
            endpoint_id=endpoint_id,
            event_id=event_id,
            type=message.type,
            ordered=False,
            event_time=message.event_time,
            body=message.body,
            tries=0,
            lease=self._lease,
            lease_ends=lease_ends,
        )


def _nothing() -> None:
    """Used when no endpoint wants the events."""
