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
    """A domain error, which a caller sees by its reason."""

    reason = "SKU_NOT_FOUND"


@pytest.fixture
async def db(new_database: Callable[[str], str]) -> AsyncIterator[Database]:
    """A database of promo."""
    database = Database(new_database("promo"), size=2)
    await database.open()
    yield database
    await database.close()


@pytest.mark.parametrize(("raised", "noted"), [(Refused("none"), []), (KeyError("our bug"), ["db.abandoned_failed"])])
async def test_a_refusal_that_nobody_waits_for_says_nothing_and_a_bug_is_noted(
    db: Database, monkeypatch: pytest.MonkeyPatch, raised: Exception, noted: list[str]
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    said: list[dict[str, Any]] = []
    events: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: said.append(what))
    monkeypatch.setattr(access.bugs, "note", lambda event, *_raised, **_facts: events.append(event))

    async def work(_tx: Tx) -> None:
        begun.set()
        await go_on.wait()
        raise raised

    before = asyncio.all_tasks()
    caller = asyncio.create_task(db.run(work))
    await begun.wait()
    abandoned = asyncio.all_tasks() - before - {caller}
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await asyncio.wait(abandoned)
    abandoned.clear()
    del caller
    gc.collect()  # a collected task reports an exception that was never retrieved
    assert (said, events) == ([], noted)
