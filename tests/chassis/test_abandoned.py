"""Transactions whose caller is gone before they end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from chassis import access
from chassis.db import Database, Tx


class Refused(Exception):
    """A domain error, of which a caller hears by its reason."""

    reason = "SKU_NOT_FOUND"


@pytest.fixture
async def db(new_database: Callable[[str], str]) -> AsyncIterator[Database]:
    """A database of promo's."""
    database = Database(new_database("promo"), size=2)
    await database.open()
    yield database
    await database.close()


@pytest.mark.parametrize(("raised", "noted"), [(Refused("none"), []), (KeyError("our bug"), ["db.abandoned_failed"])])
async def test_a_refusal_that_nobody_waits_for_says_nothing_and_a_bug_is_noted(
    db: Database, monkeypatch: pytest.MonkeyPatch, raised: Exception, noted: list[str]
) -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    said: list[dict[str, Any]] = []
    events: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: said.append(what))
    monkeypatch.setattr(access.bugs, "note", lambda event, *_raised, **_facts: events.append(event))

    async def work(_tx: Tx) -> None:
        begun.set()
        await go_on.wait()
        ended.set()
        raise raised

    caller = asyncio.create_task(db.run(work))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await ended.wait()
    async with db.connection() as connection:  # the transaction's own connection is back, or soon will be
        await connection.execute("SELECT 1")
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > 1 and any("_run" in repr(task) for task in asyncio.all_tasks()):
            await asyncio.sleep(0)
    del caller
    gc.collect()
    await asyncio.sleep(0)
    assert (said, events) == ([], noted)
