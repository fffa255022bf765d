"""The meaning of Postgres errors for callers: one reason and one log event for each cause.

An error that is not listed here is a bug, or a constraint that explains itself: it is passed on unchanged.
"""

from __future__ import annotations

from typing import NamedTuple

import grpc
import psycopg

from chassis.errors import ServiceError

CONFLICT, UNREACHABLE = "TRANSACTION_CONFLICT", "JOURNAL_UNREACHABLE"


class Meaning(NamedTuple):
    """`event` is the name of the log line; `retry_after_ms` says when the same request may succeed."""

    event: str
    code: grpc.StatusCode
    reason: str
    message: str
    retry_after_ms: int

    def error(self) -> ServiceError:
        """The error for the caller: it names no hosts, tables or statements."""
        return ServiceError(self.code, self.reason, self.message, {}, (), self.retry_after_ms)


_UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
_UNREACHABLE = Meaning("db.unreachable", _UNAVAILABLE, UNREACHABLE, "Postgres does not answer", 500)
_CONFLICT = Meaning(
    "db.conflict",
    grpc.StatusCode.ABORTED,
    CONFLICT,
    "another transaction conflicted with this one and nothing was changed; send the request again",
    100,
)
_TIMEOUT = Meaning(
    "db.statement_timeout",
    _UNAVAILABLE,
    "JOURNAL_TIMEOUT",
    "Postgres ended a statement that took too long",
    1_000,
)
_FULL = Meaning("db.full", _UNAVAILABLE, "JOURNAL_FULL", "Postgres has no disk space or memory left", 5_000)
_READ_ONLY = Meaning(
    "db.read_only",
    _UNAVAILABLE,
    "JOURNAL_READ_ONLY",
    "this Postgres accepts no writes: it is a standby or read-only",
    1_000,
)
_EXHAUSTED = Meaning(
    "db.connections_exhausted",
    _UNAVAILABLE,
    "JOURNAL_CONNECTIONS_EXHAUSTED",
    "all connections to Postgres are in use",
    500,
)
REASONS = frozenset(one.reason for one in (_UNREACHABLE, _CONFLICT, _TIMEOUT, _FULL, _READ_ONLY, _EXHAUSTED))
"""All of them describe the state of Postgres, not the work: the same work may succeed later."""

OF_STATE = {
    "25006": _READ_ONLY,
    "25P03": _UNREACHABLE,  # the session was idle in a transaction, so Postgres ended it
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
"""Failed connections, refused passwords, and transactions that Postgres rolled back because of others."""
NO_CONNECTION_LEFT = ("too many clients", "too many connections", "remaining connection slots")
"""Words in the text of a refused connection; libpq gives the cause nowhere else."""


def meaning(error: psycopg.Error, refused: str = "") -> Meaning | None:
    """The error's meaning; None when it does not concern the state of Postgres. `refused` is the reason that Postgres gave
    when it last refused a connection."""
    state = error.sqlstate
    if state is not None:
        return OF_STATE.get(state) or OF_CLASS.get(state[:2])
    if not isinstance(error, psycopg.OperationalError):
        return None
    return _EXHAUSTED if any(words in f"{error} {refused}" for words in NO_CONNECTION_LEFT) else _UNREACHABLE


def exhausted() -> Meaning:
    """All connections of this process were in use for as long as the caller could wait."""
    return _EXHAUSTED


def is_transient(raised: BaseException) -> bool:
    """Whether Postgres could not do the work now, rather than the work being wrong."""
    if isinstance(raised, ServiceError):
        return raised.reason in REASONS
    return isinstance(raised, psycopg.Error) and meaning(raised) is not None


def service_error(raised: psycopg.Error) -> ServiceError | None:
    """The error for callers, for one that was raised outside `chassis.db`."""
    found = meaning(raised)
    return None if found is None else found.error()
