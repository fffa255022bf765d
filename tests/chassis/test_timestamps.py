"""Timestamps from outside."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import timestamps
from chassis.errors import ServiceError


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-30T00:00:01Z",
        "1969-12-31T23:59:59Z",
        "2026-11-20T10:00:00",
        "2026-13-01T00:00:00Z",
        "yesterday",
        "\0",
    ],
)
def test_text_that_is_no_instant_of_the_range_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        timestamps.parse(text)


def test_text_with_a_zone_becomes_utc() -> None:
    assert timestamps.parse("2026-11-20T10:00:00+14:00") == datetime(2026, 11, 19, 20, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [-1, -62_135_596_800, 253_402_300_799, 2**63 - 1, -(2**63)])
def test_a_message_outside_the_range_is_refused_with_its_path(seconds: int) -> None:
    with pytest.raises(ServiceError) as caught:
        timestamps.instant("from_time", Timestamp(seconds=seconds))
    assert (caught.value.reason, caught.value.metadata) == ("FIELD_INVALID", {"field": "from_time"})


def test_both_ends_of_the_range_survive_every_zone_and_a_day_more() -> None:
    for end in (timestamps.FIRST, timestamps.LAST):
        assert timestamps.instant("at", Timestamp(seconds=int(end.timestamp()))) == end
