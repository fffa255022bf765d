"""Forgets deliveries, attempts and messages after thirty days, and what belonged to deleted endpoints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from chassis.db import Database
from webhook_svc.store import deliveries_log

PAUSE_S = 30.0
KEPT = timedelta(days=30)
"""Long enough to find out what a receiver has missed, and to replay it."""
SEEN_BY_ALL = timedelta(minutes=5)
"""A deleted endpoint's row stays until every process has read that it is deleted."""
BATCH = 1_000
"""Rows per statement: short locks."""


class Forget:
    """A job of the process that leads."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def run_once(self) -> int:
        """Up to BATCH rows of each kind; answers how many went. A repeat goes on where this ended."""
        now = self._now()
        async with self._database.connection() as connection:
            gone = await deliveries_log.forget(connection, now - KEPT, BATCH)
            return gone + await deliveries_log.forget_endpoints(connection, now - SEEN_BY_ALL)
