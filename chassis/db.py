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
"""Two cores saturate with fewer; more would only queue inside Postgres."""
STATEMENT_TIMEOUT_MS = 30_000
"""No statement of ours runs longer; a forgotten one may not hold locks for ever."""
IDLE_IN_TRANSACTION_MS = 20_000
"""A client that vanished in the middle of a transaction keeps its locks no longer: a relay's, or one that bars a rebuild.
Ours wait for Redis at most, for two seconds at a time."""
KEEPALIVES = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
"""How the server notices that a client between transactions has vanished, such as one that holds a session's lock."""
NOT_COMPILED = "-c jit=off"
"""Our statements take milliseconds, and compiling one takes a hundred. PostgreSQL compiles what it believes to cost much."""
SETTINGS = (
    f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"
    f" {KEEPALIVES} {NOT_COMPILED} -c timezone=UTC"
)
TRIES = 4
"""A deadlock or a serialization failure is run again this often; each try starts from the beginning."""
PAUSE_S = 0.02
"""Before the second try, and longer before the next ones: the transaction that won gets its locks meanwhile."""


class Database:
    """A pool of connections to one database. `open` waits for the first connection, `close` for the last."""

    def __init__(self, url: str, size: int = POOL_SIZE, application: str = "one-stock") -> None:
        self.url = url
        self.written = asyncio.Event()
        """Set after each commit that may have told the outbox something; who carries events on clears it."""
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
        """Raises PoolTimeout when the server cannot be reached within ten seconds."""
        await self._pool.open(wait=True, timeout=10)
        pool_meter.watch(self._pool)

    async def close(self) -> None:
        """Waits for running transactions."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self, within_s: float = context.DEFAULT_DEADLINE_S) -> AsyncIterator[Tx]:
        """A connection in autocommit: each statement is its own transaction. The reasons of `db_errors`, such as
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

    async def first_row(self, statement: str, values: Values) -> Row | None:
        """One statement's first row, in a transaction of its own; again after a deadlock."""
        for attempt in range(1, TRIES + 1):
            try:
                async with self.connection() as connection:
                    return await (await connection.execute(statement, values)).fetchone()
            except errors.ServiceError as error:
                await _pause_or_raise(error, attempt)
        raise AssertionError("unreachable")

    async def first_rows(self, statements: Sequence[tuple[str, Values]]) -> list[Row | None]:
        """Several statements' first rows, in one round trip and one transaction: all are done or none. Again after a
        deadlock."""
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
        """Runs `work` in one transaction that the caller's cancellation cannot cut, again after a deadlock.

        `work` must be safe to repeat from its start. The reasons of `db_errors`: JOURNAL_UNREACHABLE leaves the outcome
        open, so repeat it with the same ids; TRANSACTION_CONFLICT when others were in the way at every try.
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
        """What the caller may see of it; None when it says nothing about Postgres' state."""
        waited = isinstance(error, PoolTimeout)
        refused = patience.refusal(self.url) if waited else ""
        full = waited and self._lent >= self._size
        found = db_errors.exhausted() if full else db_errors.meaning(error, refused)
        if found is None:
            return None
        if found.reason == db_errors.UNREACHABLE and not waited:
            # One dead connection often means all are: have the pool look at them before somebody else gets one.
            _keep(asyncio.create_task(self._check()))
        text = f"{error} ({refused})" if refused else str(error)
        access.outages.note(found.event, error=text.strip(), sqlstate=error.sqlstate or "")
        return found.error()

    async def _check(self) -> None:
        with patience.of(patience.PROBE_S):
            await self._pool.check()


def _abandoned(task: asyncio.Task[Any]) -> None:
    """A transaction whose caller is gone has ended: nobody else asks how. A refusal, which has a reason, is nothing to tell."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not hasattr(error, "reason"):
        access.bugs.note("db.abandoned_failed", error, error=repr(error)[: access.MOST_CHARACTERS])


async def _pause_or_raise(error: errors.ServiceError, attempt: int) -> None:
    """Postgres has rolled back what lost to another transaction, so it may run again, TRIES times in all."""
    if error.reason != db_errors.CONFLICT or attempt == TRIES:
        raise error
    log.info("db.retried", attempt=attempt)
    await asyncio.sleep(PAUSE_S * attempt * (0.5 + random.random()))


_background: set[asyncio.Task[Any]] = set()


def _keep(task: asyncio.Task[Any]) -> None:
    """A task nobody awaits must still be referenced until it ends."""
    _background.add(task)
    task.add_done_callback(_background.discard)
