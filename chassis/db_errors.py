"""What an error of Postgres means to a caller: one reason for each cause, and what each is called in the log.

An error that is not here is our own bug, or a constraint that speaks for itself: it travels on as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import grpc
import psycopg

from chassis.errors import ServiceError

CONFLICT, UNREACHABLE = "TRANSACTION_CONFLICT", "JOURNAL_UNREACHABLE"


class Meaning(NamedTuple):
    """`event` is the name of the log line, `retry_after_ms` says when the same request may succeed."""

    event: str
    code: grpc.StatusCode
    reason: str
    message: str
    retry_after_ms: int

    def error(self) -> ServiceError:
        """What the caller sees: no word of ours on hosts, tables or statements."""
        return ServiceError(self.code, self.reason, self.message, {}, (), self.retry_after_ms)


_UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
_UNREACHABLE = Meaning("db.unreachable", _UNAVAILABLE, UNREACHABLE, "Postgres does not answer", 500)
_CONFLICT = Meaning(
    "db.conflict",
    grpc.StatusCode.ABORTED,
    CONFLICT,
    "another transaction was in the way, and nothing was changed; send it again",
    100,
)
_TIMEOUT = Meaning(
    "db.statement_timeout",
    _UNAVAILABLE,
    "JOURNAL_TIMEOUT",
    "Postgres took too long for a statement and ended it",
    1_000,
)
_FULL = Meaning("db.full", _UNAVAILABLE, "JOURNAL_FULL", "Postgres has no disk space or memory left", 5_000)
_READ_ONLY = Meaning(
    "db.read_only",
    _UNAVAILABLE,
    "JOURNAL_READ_ONLY",
    "this Postgres takes no writes: it is a standby or set to read only",
    1_000,
)
_EXHAUSTED = Meaning(
    "db.connections_exhausted",
    _UNAVAILABLE,
    "JOURNAL_CONNECTIONS_EXHAUSTED",
    "no connection to Postgres is free: all are in use",
    500,
)
REASONS = frozenset(one.reason for one in (_UNREACHABLE, _CONFLICT, _TIMEOUT, _FULL, _READ_ONLY, _EXHAUSTED))
"""All of them say something about Postgres and nothing about the work: the same work may succeed later."""

OF_STATE = {
    "25006": _READ_ONLY,
    "25P03": _UNREACHABLE,  # the session idled in a transaction, and Postgres has ended it
    "53000": _FULL,
    "53100": _FULL,
    "53200": _FULL,
    "53300": _EXHAUSTED,
    "55P03": _CONFLICT,
    "57014": _TIMEOUT,
    "57P01": _UNREACHABLE,
    "57P02": _UNREACHABLE,
    "57P03": _UNREACHABLE,
    "57P04": _UNREACHABLE,
    "57P05": _UNREACHABLE,
}
OF_CLASS = {"08": _UNREACHABLE, "28": _UNREACHABLE, "40": _CONFLICT}
"""Connections, passwords, transactions that Postgres rolled back because of others."""
NO_CONNECTION_LEFT = ("too many clients", "too many connections", "remaining connection slots")
"""In the text of a refused connection, the only place where libpq says why."""


def meaning(error: psycopg.Error, refused: str = "") -> Meaning | None:
    """None when it says nothing about Postgres' state. `refused` is what Postgres last said to a new connection."""
    state = error.sqlstate
    if state is not None:
        return OF_STATE.get(state) or OF_CLASS.get(state[:2])
    if not isinstance(error, psycopg.OperationalError):
        return None
    return _EXHAUSTED if any(words in f"{error} {refused}" for words in NO_CONNECTION_LEFT) else _UNREACHABLE


def exhausted() -> Meaning:
    """Every connection of this process is in use, and stayed so for as long as the caller could wait."""
    return _EXHAUSTED


def is_transient(raised: BaseException) -> bool:
    """Whether it says that Postgres could not do the work now, rather than that the work is wrong."""
    if isinstance(raised, ServiceError):
        return raised.reason in REASONS
    return isinstance(raised, psycopg.Error) and meaning(raised) is not None


def service_error(raised: psycopg.Error) -> ServiceError | None:
    """The error that a caller may see, for one that was raised outside `chassis.db`."""
    found = meaning(raised)
    return None if found is None else found.error()
