"""Postgres connections that do not wait for ever: a peer that vanished without a word looks like one that thinks.

A firewall that forgot a connection, or a host that lost its power, sends nothing, ever; the kernel notices after minutes at
best. A statement that is not answered within the patience of its task ends its connection, which pools then replace.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

import psycopg

LONGEST_S = 35.0
"""Longer than the server's own limit of a statement (db.STATEMENT_TIMEOUT_MS): then nobody is there."""
READ_S = 5.0
"""For a short statement that many wait for together: none of them would wait longer by itself."""
PROBE_S = 2.0
"""For a statement that does nothing: is anybody there?"""

_patience: ContextVar[float] = ContextVar("patience", default=LONGEST_S)


@contextmanager
def of(seconds: float) -> Iterator[None]:
    """Statements of this task are answered within `seconds` each, or their connection is given up."""
    before = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(before)


_refusals: dict[str, str] = {}
"""By URL, what the server said when it last refused a connection; no entry once it has taken one. One URL per database."""


def refusal(url: str) -> str:
    """Why there are no new connections to this database, as far as the server says; "" when it takes them."""
    return _refusals.get(url, "")


class PatientConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """OperationalError, and the connection is closed, when the server does not answer in time."""

    @classmethod
    async def connect(cls, conninfo: str = "", **settings: Any) -> Self:
        """As psycopg's. A pool tries again in the background and says only that it waited in vain: the cause is kept here."""
        try:
            connection = await super().connect(conninfo, **settings)
        except psycopg.OperationalError as error:
            _refusals[conninfo] = str(error).strip()
            raise
        _refusals.pop(conninfo, None)
        return connection

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """All that psycopg waits for on an open connection comes through here."""
        try:
            return await super().wait(gen, interval, _patience.get() if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status is psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # the answer may still come: nobody may take it for that of another statement
            raise
