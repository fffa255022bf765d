"""Instants as messages carry them, and back. Every datetime is aware, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import errors


def message(instant: datetime | None) -> Timestamp | None:
    """None stays unset."""
    if instant is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp


def set_unix_ms(timestamp: Timestamp, value: int) -> None:
    """Sets it to unix milliseconds, as the gate counts them."""
    timestamp.seconds, rest = divmod(value, 1000)
    timestamp.nanos = rest * 1_000_000


def instant(path: str, timestamp: Timestamp) -> datetime:
    """An instant of the years that both Python and Postgres know. FIELD_INVALID with the field's path."""
    try:
        return timestamp.ToDatetime(UTC)
    except (ValueError, OverflowError) as wrong:
        raise errors.invalid(path, "FIELD_INVALID", "must lie in the years 1 to 9999") from wrong
