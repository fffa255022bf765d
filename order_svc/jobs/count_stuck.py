"""Counts stuck sagas, for the alert."""

from __future__ import annotations

from chassis.db import Database
from order_svc.store import meters


class CountStuck:
    """One process of the service is enough."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run_once(self) -> None:
        """Counts once."""
        await meters.count_stuck(self._db)
