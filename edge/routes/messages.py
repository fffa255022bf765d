"""Conversions from messages to REST that several routes share: times, money, enum names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from edge.schemas.fields import MoneyAnswer
from gen.common.v1.money_pb2 import Money


def instant(timestamp: Timestamp) -> datetime | None:
    """A time to the microsecond; None when it is unset."""
    if timestamp.seconds == 0 and timestamp.nanos == 0:
        return None
    return datetime.fromtimestamp(timestamp.seconds, UTC).replace(microsecond=timestamp.nanos // 1000)


def money(message: Money) -> MoneyAnswer:
    """An amount."""
    return {"currency": message.currency, "amount_minor": message.amount_minor}


def names(items: Iterable[tuple[str, int]], prefix: str) -> dict[int, str]:
    """Maps an enum's numbers to its names without the prefix; made once, used for every response."""
    return {number: name.removeprefix(prefix) for name, number in items}
