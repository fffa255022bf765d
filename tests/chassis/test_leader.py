"""Leadership on real Postgres: one leader at a time, immediate handover, whatever happens to the leader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from chassis import leader as leaders
from chassis.db import Database
from chassis.jobs import Jobs
from chassis.leader import Leader
from tests import databases
from tests.servers import wait_for

WITHIN_S = 10.0
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
ASKED = "SELECT FROM pg_stat_activity WHERE application_name = %s AND state = 'idle' AND query LIKE '%%try_advisory%%'"
LEADERS = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE classid = 7404 AND datname = %s"


@pytest.fixture
def url(new_database: Callable[[str], str]) -> str:
    """A database without a leader."""
    return new_database("promo")


@pytest.fixture
async def start(url: str) -> AsyncIterator[Callable[[str], Leader]]:
    """Starts leaders as processes would do; they are closed after the test."""
    started: list[Leader] = []

    def one(name: str) -> Leader:
        started.append(Leader(Database(url), name))
        started[-1].start()
        return started[-1]

    yield one
    for leader in started:
        await leader.close()


async def leads(leader: Leader) -> None:
    async with asyncio.timeout(WITHIN_S):
        await leader.leading.wait()


async def test_one_leads_and_the_other_follows_at_once_when_it_resigns(
    start: Callable[[str], Leader], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        leaders, "ASK_AGAIN_S", 600.0
    )  # only the notification of the resigning leader can wake the other
    first = start("first")
    await leads(first)
    second = start("second")
    await asyncio.to_thread(until_listening, url, "second leader")
    assert not second.leading.is_set()
    await first.close()
    assert not first.leading.is_set()
    await leads(second)


def until_listening(url: str, application: str) -> None:
    wait_for(lambda: bool(databases.read(url, ASKED, application)), f"{application} has asked")


async def test_another_leads_when_the_leaders_connection_is_cut(start: Callable[[str], Leader], url: str) -> None:
    first = start("first")
    await leads(first)
    second = start("second")
    await asyncio.to_thread(databases.read, url, CUT, "first leader")
    await leads(second)
    async with asyncio.timeout(WITHIN_S):
        await first.following.wait()
    assert databases.read(url, LEADERS, url.rsplit("/", 1)[-1]) == [(1,)]


async def test_a_leader_that_falls_silent_is_replaced_and_comes_back_as_one_who_waits(
    start: Callable[[str], Leader], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as paused:
        paused.setattr(leaders, "SILENT_MS", 200)
        paused.setattr(leaders, "CHECK_S", 600.0)
        first = start("first")
        await leads(first)
        paused.undo()
        second = start("second")
    await leads(second)
    assert not first.leading.is_set()
    await second.close()
    await leads(first)


async def test_a_job_for_one_process_runs_in_the_leader_only_and_goes_on_in_the_next(
    start: Callable[[str], Leader], url: str
) -> None:
    first = start("first")
    await leads(first)
    second = start("second")
    ran: dict[str, asyncio.Event] = {"first": asyncio.Event(), "second": asyncio.Event()}
    loops = {}
    for name, leader in (("first", first), ("second", second)):

        async def run_once(name: str = name) -> int:
            ran[name].set()
            return 0

        loops[name] = Jobs()
        loops[name].start("one", run_once, 60.0, leader.leading)
    async with asyncio.timeout(WITHIN_S):
        await ran["first"].wait()
        assert not ran["second"].is_set()
        await loops["first"].stop()
        await first.close()
        await ran["second"].wait()
        await loops["second"].stop()


async def test_who_follows_tells_the_leader_that_something_was_written(url: str) -> None:
    databases_of = [Database(url), Database(url)]
    for one in databases_of:
        await one.open()
    first, second = (Leader(db, name) for db, name in zip(databases_of, ("first", "second"), strict=True))
    first.start()
    await leads(first)
    assert not first.following.is_set()
    second.start()
    assert second.following.is_set()
    await second.tell()
    async with asyncio.timeout(WITHIN_S):
        await databases_of[0].written.wait()
    for leader, db in ((second, databases_of[1]), (first, databases_of[0])):
        await leader.close()
        await db.close()
