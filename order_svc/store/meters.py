"""Metrics of sagas: transitions, resumed sagas, stuck sagas."""

from __future__ import annotations

from typing import LiteralString

from chassis import metrics
from chassis.db import Database
from order_svc.domain.saga import Progress

TRANSITIONS = metrics.counter("saga_transitions_total", "Changes of an order's state that were stored", "state")
RESUMED = metrics.counter("saga_resumed_total", "Sagas that resumed after a crash, an outage or a wait")
STUCK = metrics.gauge("saga_stuck", "Stuck orders by reason: needs_review, or overdue by a minute", "why")

COUNT: LiteralString = """
SELECT (SELECT count(*) FROM orders WHERE state = 'NEEDS_REVIEW'),
       (SELECT count(*) FROM orders WHERE due_at < now() - interval '1 minute')"""


def stored(progress: Progress) -> None:
    """Counts the transitions of `progress`. Call it after their commit and before `was_stored`."""
    for transition in progress.transitions:
        TRANSITIONS.of(transition.after.name).value += 1


async def count_stuck(db: Database) -> None:
    """Sets the gauges of stuck sagas."""
    async with db.connection() as connection:
        row = await (await connection.execute(COUNT)).fetchone()
    if row is not None:
        STUCK.of("needs_review").set(row[0])
        STUCK.of("overdue").set(row[1])
