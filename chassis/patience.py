"""Postgres connections with a timeout: without one, a peer that vanished silently looks like one that is busy.

A firewall that dropped a connection, or a host that lost power, sends nothing at all; the kernel notices after minutes at
best. A statement without an answer within its task's timeout closes the connection, and the pool replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

import psycopg

LONGEST_S = 35.0
"""Longer than the server's own statement timeout (db.STATEMENT_TIMEOUT_MS): after this the server is gone."""
READ_S = 5.0
"""For a short statement that serves many requests: none of them would wait longer for its own."""
PROBE_S = 2.0
"""For an empty statement that only checks the connection."""

_patience: ContextVar[float] = ContextVar("patience", default=LONGEST_S)


@contextmanager
def of(seconds: float) -> Iterator[None]:
    """Sets this task's timeout per statement; a connection that exceeds it is closed."""
    before = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(before)


_refusals: dict[str, str] = {}
"""By URL: the server's message when it last refused a connection; removed when it accepts one. One URL per database."""


def refusal(url: str) -> str:
    """The server's reason for refusing new connections to this database; "" when it accepts them."""
    return _refusals.get(url, "")


class PatientConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """Raises OperationalError and closes the connection when the server does not answer in time."""

    @classmethod
    async def connect(cls, conninfo: str = "", **settings: Any) -> Self:
        """As in psycopg, but records why it failed: a pool retries in the background and reports only that it timed out."""
        try:
            connection = await super().connect(conninfo, **settings)
        except psycopg.OperationalError as error:
            _refusals[conninfo] = str(error).strip()
            raise
        _refusals.pop(conninfo, None)
        return connection

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Adds the timeout; psycopg calls this for every wait on an open connection."""
        try:
            return await super().wait(gen, interval, _patience.get() if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status is psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # a late answer must not be taken for that of another statement
            raise
