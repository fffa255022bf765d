"""Deletes deliveries, attempts and messages after thirty days, and the rows of deleted endpoints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from chassis.db import Database
from webhook_svc.store import deliveries_log

PAUSE_S = 30.0
KEPT = timedelta(days=30)
"""Long enough to find out which events a receiver has missed, and to replay them."""
SEEN_BY_ALL = timedelta(minutes=5)
"""A deleted endpoint's row stays until every process has read that it is deleted."""
BATCH = 1_000
"""Rows per statement: short locks."""


class Forget:
    """A job of the leading process."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def run_once(self) -> int:
        """Deletes up to BATCH rows of each kind; returns how many. A repeat continues where this ended."""
        now = self._now()
        async with self._database.connection() as connection:
            gone = await deliveries_log.forget(connection, now - KEPT, BATCH)
            return gone + await deliveries_log.forget_endpoints(connection, now - SEEN_BY_ALL)
