"""Each failure of Postgres has its own reason, for the caller and in the log, and retryable ones are retried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit

import grpc
import psycopg
import pytest
from structlog.testing import capture_logs

from chassis import access, patience
from chassis.db import Database, Tx
from chassis.errors import ServiceError

ABORTED, UNAVAILABLE = grpc.StatusCode.ABORTED, grpc.StatusCode.UNAVAILABLE
ADD: LiteralString = "UPDATE numbers SET number = number + 1 WHERE name = %s"

WAITS: LiteralString = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"


@pytest.fixture(autouse=True)
def quiet_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log writes one line of a kind a second: lines of an earlier test must not suppress this test's."""
    monkeypatch.setattr(access, "outages", access.BoundedLog())


@pytest.fixture
async def db(new_database: Callable[[str], str]) -> AsyncIterator[Database]:
    """A database with two rows to contend for."""
    one = Database(new_database("promo"), size=4)
    await one.open()
    async with one.connection() as tx:
        await tx.execute("CREATE TABLE numbers (name text PRIMARY KEY, number bigint NOT NULL)")
        await tx.execute("INSERT INTO numbers VALUES ('a', 0), ('b', 0)")
    yield one
    await one.close()


async def _numbers(db: Database) -> list[int]:
    async with db.connection() as tx:
        return [row[0] for row in await (await tx.execute("SELECT number FROM numbers ORDER BY name")).fetchall()]


async def _named(db: Database, statement: LiteralString) -> tuple[ServiceError, list[str]]:
    """The caller's error for a failing statement, and the names of its log lines."""
    with capture_logs() as lines, pytest.raises(ServiceError) as raised:
        async with db.connection() as tx:
            await tx.execute(statement)
    return raised.value, [line["event"] for line in lines]


async def _refused(db: Database) -> None:
    """Opens the pool and waits until Postgres has refused one of its connections."""
    await db._pool.open(wait=False)
    async with asyncio.timeout(20):
        while not patience.refusal(db.url):
            await asyncio.sleep(0)


def _in_opposite_order(first: str, second: str, met: asyncio.Barrier) -> Callable[[Tx], Awaitable[None]]:
    """Locks two rows; at the first try it waits until the other has locked its first, so that they deadlock."""
    tries = 0

    async def work(tx: Tx) -> None:
        nonlocal tries
        tries += 1
        await tx.execute(ADD, (first,))
        if tries == 1:
            await met.wait()
        await tx.execute(ADD, (second,))

    return work


async def test_work_that_meets_a_deadlock_runs_again(db: Database) -> None:
    met = asyncio.Barrier(2)
    await asyncio.gather(
        db.run(_in_opposite_order("a", "b", met)),
        db.run(_in_opposite_order("b", "a", met)),
    )
    assert await _numbers(db) == [2, 2]


async def test_a_deadlock_is_a_conflict_where_nothing_can_run_again(db: Database) -> None:
    met = asyncio.Barrier(2)

    async def once(first: str, second: str) -> None:
        async with db.transaction() as tx:
            await _in_opposite_order(first, second, met)(tx)

    with capture_logs() as lines:
        found = await asyncio.gather(once("a", "b"), once("b", "a"), return_exceptions=True)
    [error] = [each for each in found if each is not None]
    assert isinstance(error, ServiceError)
    assert (error.code, error.reason) == (ABORTED, "TRANSACTION_CONFLICT")
    assert error.retry_after_ms is not None
    assert [(line["event"], line["sqlstate"]) for line in lines] == [("db.conflict", "40P01")]
    assert await _numbers(db) == [1, 1]


async def test_statements_that_meet_a_deadlock_run_again(db: Database) -> None:
    async with db.transaction() as holder:
        await holder.execute("SET LOCAL deadlock_timeout = '60s'")  # the other one detects it, and is ended
        await holder.execute(ADD, ("b",))
        statements = [(f"{ADD} RETURNING number", (name,)) for name in ("a", "b")]
        waiting = asyncio.create_task(db.first_rows(statements))
        async with asyncio.timeout(20):
            while not await (await holder.execute(WAITS)).fetchall():
                await asyncio.sleep(0)
        await holder.execute(ADD, ("a",))
    assert await waiting == [(2,), (2,)]
    assert await _numbers(db) == [2, 2]


async def test_concurrent_serializable_work_runs_again_until_it_fits(db: Database) -> None:
    met = asyncio.Barrier(2)

    def work(tries: list[int]) -> Callable[[Tx], Awaitable[None]]:
        async def add(tx: Tx) -> None:
            await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            [before] = await (await tx.execute("SELECT number FROM numbers WHERE name = 'a'")).fetchall()
            tries.append(1)
            if len(tries) == 1:
                await met.wait()
            await tx.execute("UPDATE numbers SET number = %s WHERE name = 'a'", (before[0] + 1,))

        return add

    await asyncio.gather(db.run(work([])), db.run(work([])))
    assert await _numbers(db) == [2, 0]


async def test_a_conflict_at_every_try_is_told_as_one(db: Database) -> None:
    async def work(tx: Tx) -> None:
        await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'serialization_failure'; END $$")

    with pytest.raises(ServiceError) as raised:
        await db.run(work)
    assert (raised.value.code, raised.value.reason) == (ABORTED, "TRANSACTION_CONFLICT")


@pytest.mark.parametrize(
    ("before", "statement", "reason", "event"),
    [
        ("SET statement_timeout = 10", "SELECT pg_sleep(30)", "JOURNAL_TIMEOUT", "db.statement_timeout"),
        ("SET default_transaction_read_only = on", "DELETE FROM numbers", "JOURNAL_READ_ONLY", "db.read_only"),
        (
            "SELECT 1",
            "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'disk_full'; END $$",
            "JOURNAL_FULL",
            "db.full",
        ),
        ("SELECT 1", "SELECT pg_terminate_backend(pg_backend_pid())", "JOURNAL_UNREACHABLE", "db.unreachable"),
    ],
)
async def test_each_cause_has_its_own_reason(
    new_database: Callable[[str], str], before: LiteralString, statement: LiteralString, reason: str, event: str
) -> None:
    db = Database(new_database("promo"), size=1)
    await db.open()
    async with db.connection() as tx:
        await tx.execute("CREATE TABLE numbers (name text PRIMARY KEY, number bigint NOT NULL)")
        await tx.execute(before)
    error, events = await _named(db, statement)
    await db.close()
    assert (error.code, error.reason, events) == (UNAVAILABLE, reason, [event])
    assert error.retry_after_ms is not None


async def test_a_row_that_another_transaction_holds_is_a_conflict(db: Database) -> None:
    async with db.transaction() as holder:
        await holder.execute(ADD, ("a",))
        error, events = await _named(db, "SELECT 1 FROM numbers FOR UPDATE NOWAIT")
    assert (error.code, error.reason, events) == (ABORTED, "TRANSACTION_CONFLICT", ["db.conflict"])


async def test_a_process_whose_connections_are_all_in_use_says_so(new_database: Callable[[str], str]) -> None:
    db = Database(new_database("promo"), size=1)
    await db.open()
    async with db.connection():
        with pytest.raises(ServiceError) as raised:
            async with db.connection(within_s=0.01):
                pass
    await db.close()
    assert (raised.value.code, raised.value.reason) == (UNAVAILABLE, "JOURNAL_CONNECTIONS_EXHAUSTED")


async def test_a_server_that_takes_no_more_connections_is_not_called_silent(new_database: Callable[[str], str]) -> None:
    url = new_database("promo")
    parts = urlsplit(url)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS crowded")
        admin.execute("CREATE ROLE crowded LOGIN PASSWORD 'crowded' CONNECTION LIMIT 1")
    crowded = urlunsplit(parts._replace(netloc=f"crowded:crowded@{parts.netloc.rpartition('@')[2]}"))
    db = Database(crowded, size=2)
    async with await psycopg.AsyncConnection.connect(crowded):
        await _refused(db)
        with capture_logs() as lines, pytest.raises(ServiceError) as raised:
            async with db.connection(within_s=0.01):
                pass
    await db.close()
    assert (raised.value.code, raised.value.reason) == (UNAVAILABLE, "JOURNAL_CONNECTIONS_EXHAUSTED")
    assert 'too many connections for role "crowded"' in lines[-1]["error"]


async def test_a_password_that_does_not_fit_stands_in_the_log(new_database: Callable[[str], str]) -> None:
    parts = urlsplit(new_database("promo"))
    db = Database(urlunsplit(parts._replace(netloc=f"postgres:wrong@{parts.netloc.rpartition('@')[2]}")), size=1)
    await _refused(db)
    with capture_logs() as lines, pytest.raises(ServiceError) as raised:
        async with db.connection(within_s=0.01):
            pass
    await db.close()
    assert raised.value.reason == "JOURNAL_UNREACHABLE"
    assert "password authentication failed" in lines[-1]["error"]
    assert "wrong" not in str(lines)


async def test_what_a_constraint_refuses_is_not_an_outage(db: Database) -> None:
    with capture_logs() as lines, pytest.raises(psycopg.errors.UniqueViolation):
        async with db.connection() as tx:
            await tx.execute("INSERT INTO numbers VALUES ('a', 1)")
    assert lines == []
