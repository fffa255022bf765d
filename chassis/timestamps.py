"""Converts instants from and to messages and text. Every datetime is aware, in UTC.

Instants from outside lie between 1970 and 9999-12-30, so that adding any zone's offset or one day still gives a valid instant.
"""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import errors

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
MOST_SECONDS = int(LAST.timestamp())
RANGE = "must be between 1970-01-01 and 9999-12-30"


def message(instant: datetime | None) -> Timestamp | None:
    """The instant as a message; None stays unset."""
    if instant is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp


def set_unix_ms(timestamp: Timestamp, value: int) -> None:
    """Sets the message from unix milliseconds, the gate's unit."""
    timestamp.seconds, rest = divmod(value, 1000)
    timestamp.nanos = rest * 1_000_000


def possible(timestamp: Timestamp) -> bool:
    """Whether it is in the range for instants from outside."""
    return 0 <= timestamp.seconds <= MOST_SECONDS and 0 <= timestamp.nanos < 1_000_000_000


def instant(path: str, timestamp: Timestamp) -> datetime:
    """An instant from a message. FIELD_INVALID with the field's path."""
    if not possible(timestamp):
        raise errors.invalid(path, "FIELD_INVALID", RANGE)
    return timestamp.ToDatetime(UTC)


def parse(text: str) -> datetime:
    """An instant from ISO 8601 text with a zone, such as `2026-11-20T10:00:00Z`. ValueError says what is wrong."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("must be a time with a time zone, such as 2026-11-20T10:00:00Z") from error
    if found.tzinfo is None:
        raise ValueError("must have a time zone, such as Z")
    try:
        found = found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(RANGE) from error
    if not FIRST <= found <= LAST:
        raise ValueError(RANGE)
    return found
