"""Takes deliveries that are due: retries, what found no room when it was made, and what a dead process left behind."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

from chassis.db import Database
from webhook_svc.app.dispatch import LEASE, Dispatch
from webhook_svc.store import deliveries

PAUSE_S = 2.0
"""Between looks when nobody says that there is something: a retry may come so much later."""
REST = 1.0
"""Times as long as a round took: under load the next one has more to take, which costs less for each."""
SHARE = 100
"""Of one endpoint per round: others with a backlog have their turn in the same round."""
MOST = 500
"""Deliveries per round: some 10 MB at most."""


class Claim:
    """A job of every process; several take different deliveries."""

    def __init__(self, database: Database, dispatch: Dispatch, now: Callable[[], datetime]) -> None:
        self._database = database
        self._dispatch = dispatch
        self._now = now

    async def run_once(self) -> int:
        """One look at all endpoints that have room. Answers how many it took, when there may be more to take at once."""
        rooms = [(endpoint_id, min(room, SHARE)) for endpoint_id, room in self._dispatch.rooms()]
        if not rooms:
            return 0
        random.shuffle(rooms)  # when not all that is due can be taken, nobody comes first again and again
        now, lease = self._now(), self._dispatch.new_lease()
        async with self._database.connection() as connection:
            works = await deliveries.claim(connection, rooms, MOST, lease, now, now + LEASE)
        full = len(works) == MOST
        self._dispatch.claimed(rooms, works, full)
        return len(works) if full else 0
