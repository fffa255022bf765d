"""Retention: rows that are deleted, and rows that are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from chassis.config import KeptDays
from chassis.db import Database
from chassis.retention import Retention


@pytest.fixture
async def db(new_database: Callable[[str], str]) -> AsyncIterator[Database]:
    """A fresh database."""
    database = Database(new_database("inventory"))
    await database.open()
    yield database
    await database.close()


async def test_only_old_events_that_were_sent_and_old_requests_are_forgotten(db: Database) -> None:
    async with db.transaction() as tx:
        events = (("old", "8 days", 1), ("young", "6 days", 2), ("unsent", "8 days", 3), ("waiting", None, None))
        for key, published, position in events:
            await tx.execute(
                "INSERT INTO outbox (type, key, payload, published_at, position)"
                " VALUES ('x', %s, '{}', now() - %s::interval, %s)",
                (key, published, position),
            )
        await tx.execute("UPDATE event_log SET position = 3, sent = 2")
        for event_id, age in (("old", "9 days"), ("young", "7 days")):
            await tx.execute(
                "INSERT INTO inbox (consumer, event_id, handled_at) VALUES ('c', %s, now() - %s::interval)",
                (event_id, age),
            )
        for key, age in (("old", "31 days"), ("young", "29 days")):
            await tx.execute(
                "INSERT INTO requests (request_id, method, fingerprint, created_at)"
                " VALUES (%s, 'x', 'x', now() - %s::interval)",
                (key, age),
            )
    retention = Retention(db)
    assert await retention.run_once() == 3
    assert await retention.run_once() == 0
    async with db.connection() as connection:
        handled = await (await connection.execute("SELECT event_id FROM inbox")).fetchall()
        left = await (await connection.execute("SELECT key FROM outbox ORDER BY id")).fetchall()
        requests = await (await connection.execute("SELECT request_id FROM requests")).fetchall()
    assert (left, requests, handled) == ([("young",), ("unsent",), ("waiting",)], [("young",)], [("young",)])


async def test_a_setting_says_for_how_long(db: Database) -> None:
    async with db.transaction() as tx:
        for key, published, position in (("older", "3 days", 11), ("newer", "1 day", 12)):
            await tx.execute(
                "INSERT INTO outbox (type, key, payload, published_at, position)"
                " VALUES ('x', %s, '{}', now() - %s::interval, %s)",
                (key, published, position),
            )
        await tx.execute("UPDATE event_log SET position = 12, sent = 12")
        await tx.execute("DELETE FROM requests")
        for key, age in (("asked-older", "6 days"), ("asked-newer", "4 days")):
            await tx.execute(
                "INSERT INTO requests (request_id, method, fingerprint, created_at)"
                " VALUES (%s, 'x', 'x', now() - %s::interval)",
                (key, age),
            )
    assert await Retention(db).run_once() == 0
    assert await Retention(db, kept=KeptDays(event_days=2, request_days=5)).run_once() == 2
    async with db.connection() as connection:
        left = await (await connection.execute("SELECT key FROM outbox WHERE position > 10")).fetchall()
        requests = await (await connection.execute("SELECT request_id FROM requests")).fetchall()
    assert (left, requests) == ([("newer",)], [("asked-newer",)])
