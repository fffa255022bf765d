"""Counts deliveries that are due and not begun, and disabled endpoints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from chassis import metrics
from chassis.db import Database
from webhook_svc.store import deliveries_log

PAUSE_S = 5.0
MOST = 100_000
"""Upper bound of the count: a larger number adds no information and costs more."""

BACKLOG = metrics.gauge("webhook_backlog_due", "Deliveries that are due and not begun, counted up to 100,000")
DISABLED = metrics.gauge("webhook_endpoints_disabled", "Endpoints that nothing is sent to")


class Measure:
    """A job of the leading process."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def run_once(self) -> None:
        """Sets both gauges once."""
        async with self._database.connection() as connection:
            due, disabled = await deliveries_log.measure(connection, self._now(), MOST)
        BACKLOG.set(due)
        DISABLED.set(disabled)
