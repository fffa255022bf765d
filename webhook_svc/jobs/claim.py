"""Claims due deliveries: retries, deliveries that had no slot when they were made, and those of dead processes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

from chassis.db import Database
from webhook_svc.app.dispatch import LEASE, Dispatch
from webhook_svc.store import deliveries

PAUSE_S = 2.0
"""Pause between rounds that nothing wakes earlier: a retry may be late by this much."""
REST = 1.0
"""Pause as a multiple of the last round's time: under load the next round claims more, at a lower cost per delivery."""
SHARE = 100
"""Deliveries of one endpoint per round, so that others with a backlog get their share in the same round."""
MOST = 500
"""Deliveries per round: some 10 MB at most."""


class Claim:
    """A job of every process; concurrent rounds claim different deliveries."""

    def __init__(self, database: Database, dispatch: Dispatch, now: Callable[[], datetime]) -> None:
        self._database = database
        self._dispatch = dispatch
        self._now = now

    async def run_once(self) -> int:
        """Claims for all endpoints that have room, once. Returns how many it claimed if there may be more, otherwise 0."""
        rooms = [(endpoint_id, min(room, SHARE)) for endpoint_id, room in self._dispatch.rooms()]
        if not rooms:
            return 0
        random.shuffle(rooms)  # when not all due deliveries can be claimed, no endpoint is always first
        now, lease = self._now(), self._dispatch.new_lease()
        async with self._database.connection() as connection:
            works = await deliveries.claim(connection, rooms, MOST, lease, now, now + LEASE)
        full = len(works) == MOST
        self._dispatch.claimed(rooms, works, full)
        return len(works) if full else 0
