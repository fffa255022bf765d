"""What is forgotten, and what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from chassis.db import Database
from chassis.retention import Retention


@pytest.fixture
async def db(new_database: Callable[[str], str]) -> AsyncIterator[Database]:
    """A fresh database."""
    database = Database(new_database("inventory"))
    await database.open()
    yield database
    await database.close()


async def test_only_old_events_that_were_published_and_old_requests_are_forgotten(db: Database) -> None:
    async with db.transaction() as tx:
        for key, published in (("old", "8 days"), ("young", "6 days"), ("waiting", None)):
            await tx.execute(
                "INSERT INTO outbox (type, key, payload, published_at) VALUES ('x', %s, '{}', now() - %s::interval)",
                (key, published),
            )
        for key, age in (("old", "31 days"), ("young", "29 days")):
            await tx.execute(
                "INSERT INTO requests (request_id, method, fingerprint, created_at)"
                " VALUES (%s, 'x', 'x', now() - %s::interval)",
                (key, age),
            )
    retention = Retention(db)
    assert await retention.run_once() == 2
    assert await retention.run_once() == 0
    async with db.connection() as connection:
        events = await (await connection.execute("SELECT key FROM outbox ORDER BY id")).fetchall()
        requests = await (await connection.execute("SELECT request_id FROM requests")).fetchall()
    assert (events, requests) == ([("young",), ("waiting",)], [("young",)])
