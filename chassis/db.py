"""Postgres: one pool per process, and the only place that commits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from chassis import access, context, db_errors, errors, patience, pool_meter, sql_spans, telemetry, tracing

Tx: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]
T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
Values: TypeAlias = Sequence[Any] | Mapping[str, Any]
log = telemetry.logger()

POOL_SIZE = 10
"""Fewer connections saturate two cores; more would only queue inside Postgres."""
STATEMENT_TIMEOUT_MS = 30_000
"""None of our statements runs longer; a forgotten one must not hold locks for ever."""
IDLE_IN_TRANSACTION_MS = 20_000
"""How long a client that vanished inside a transaction keeps its locks, such as the relay's or one that blocks a rebuild.
Our transactions wait at most for Redis, for two seconds at a time."""
KEEPALIVES = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
"""Lets the server notice that a client has vanished between transactions, such as one that holds a session lock."""
NOT_COMPILED = "-c jit=off"
"""Our statements take milliseconds, and compiling one takes 100 ms. PostgreSQL compiles those that it estimates as costly."""
SETTINGS = (
    f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"
    f" {KEEPALIVES} {NOT_COMPILED} -c timezone=UTC"
)
TRIES = 4
"""Most attempts after deadlocks or serialization failures; each starts from the beginning."""
PAUSE_S = 0.02
"""Pause before the second attempt, longer before later ones: meanwhile the transaction that won gets its locks."""


class Database:
    """A pool of connections to one database. `open` waits for the first connection, `close` for the last."""

    def __init__(self, url: str, size: int = POOL_SIZE, application: str = "one-stock") -> None:
        self.url = url
        self.written = asyncio.Event()
        """Set after each commit that may have added to the outbox; the relay clears it."""
        self._size = size
        self._lent = 0
        self._pool: AsyncConnectionPool[Tx] = AsyncConnectionPool(
            url,
            connection_class=patience.PatientConnection,
            min_size=min(2, size),
            max_size=size,
            open=False,
            timeout=context.DEFAULT_DEADLINE_S,
            kwargs={
                "autocommit": True,
                "application_name": application,
                "options": SETTINGS,
                "connect_timeout": 5,
                **sql_spans.arguments(),
            },
        )

    async def open(self) -> None:
        """Opens the pool. PoolTimeout when the server cannot be reached within ten seconds."""
        await self._pool.open(wait=True, timeout=10)
        pool_meter.watch(self._pool)

    async def close(self) -> None:
        """Closes the pool after running transactions."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self, within_s: float = context.DEFAULT_DEADLINE_S) -> AsyncIterator[Tx]:
        """A connection in autocommit mode: each statement is its own transaction. Raises the reasons of `db_errors`, such as
        JOURNAL_UNREACHABLE when there is no connection within `within_s` and the caller's deadline."""
        try:
            async with self._pool.connection(timeout=context.remaining_s(within_s)) as connection:
                self._lent += 1
                try:
                    yield connection
                finally:
                    self._lent -= 1
        except psycopg.Error as error:
            if (named := self._named(error)) is None:
                raise
            raise named from error

    async def writable(self) -> bool:
        """Whether the server accepts writes: the readiness of a service with a database. False on a standby. Raises the reasons
        of `db_errors`."""
        row = await self.first_row("SELECT NOT pg_is_in_recovery()", ())
        return row is not None and bool(row[0])

    async def first_row(self, statement: str, values: Values) -> Row | None:
        """The first row of one statement, in its own transaction; retried after a deadlock."""
        for attempt in range(1, TRIES + 1):
            try:
                async with self.connection() as connection:
                    return await (await connection.execute(statement, values)).fetchone()
            except errors.ServiceError as error:
                await _pause_or_raise(error, attempt)
        raise AssertionError("unreachable")

    async def first_rows(self, statements: Sequence[tuple[str, Values]]) -> list[Row | None]:
        """The first rows of several statements, in one round trip and one transaction: all take effect or none. Retried after
        a deadlock."""
        for attempt in range(1, TRIES + 1):
            try:
                async with self.connection() as connection, connection.pipeline():
                    cursors = [await connection.execute(*statement) for statement in statements]
                    return [await cursor.fetchone() for cursor in cursors]
            except errors.ServiceError as error:
                await _pause_or_raise(error, attempt)
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with tracing.inner("db.transaction"):
            async with self.connection() as connection, connection.transaction():
                yield connection
            self.written.set()

    async def run(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Runs `work` in one transaction, which continues when the caller is cancelled; retried after a deadlock.

        `work` must be safe to repeat from its start. Raises the reasons of `db_errors`: after JOURNAL_UNREACHABLE the outcome
        is unknown, so repeat with the same ids; TRANSACTION_CONFLICT when every attempt met a conflict.
        """
        with tracing.inner("db.transaction"):
            task = asyncio.create_task(self._run(work))
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                _keep(task)
                task.add_done_callback(_abandoned)
                raise

    async def _run(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                async with self.connection() as connection, connection.transaction():
                    result = await work(connection)
            except errors.ServiceError as error:
                await _pause_or_raise(error, attempt)
            else:
                self.written.set()
                return result
        raise AssertionError("unreachable")

    def _named(self, error: psycopg.Error) -> errors.ServiceError | None:
        """The error for the caller; None when the exception does not concern the state of Postgres."""
        waited = isinstance(error, PoolTimeout)
        refused = patience.refusal(self.url) if waited else ""
        full = waited and self._lent >= self._size
        found = db_errors.exhausted() if full else db_errors.meaning(error, refused)
        if found is None:
            return None
        if found.reason == db_errors.UNREACHABLE and not waited:
            # When one connection is dead, often all are: the pool checks them before it lends another.
            _keep(asyncio.create_task(self._check()))
        text = f"{error} ({refused})" if refused else str(error)
        access.outages.note(found.event, error=text.strip(), sqlstate=error.sqlstate or "")
        return found.error()

    async def _check(self) -> None:
        with patience.of(patience.PROBE_S):
            await self._pool.check()


def _abandoned(task: asyncio.Task[Any]) -> None:
    """Logs the failure of a transaction whose caller is gone. A refusal, which has a reason, is not logged."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not hasattr(error, "reason"):
        access.bugs.note("db.abandoned_failed", error, error=repr(error)[: access.MOST_CHARACTERS])


async def _pause_or_raise(error: errors.ServiceError, attempt: int) -> None:
    """Pauses before the next attempt. Postgres has rolled back the transaction, so it may run again, TRIES times in all."""
    if error.reason != db_errors.CONFLICT or attempt == TRIES:
        raise error
    log.info("db.retried", attempt=attempt)
    await asyncio.sleep(PAUSE_S * attempt * (0.5 + random.random()))


_background: set[asyncio.Task[Any]] = set()


def _keep(task: asyncio.Task[Any]) -> None:
    """Keeps a reference to a task that is not awaited, until it ends."""
    _background.add(task)
    task.add_done_callback(_background.discard)
