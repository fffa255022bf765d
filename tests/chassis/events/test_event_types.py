"""Messages of events: the hand-written JSON equals that of protobuf's own JSON code, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format

from chassis.events.event import JSON, Event
from chassis.events.event_types import EventTypes, UnknownType
from gen.inventory.v1 import events_pb2 as inventory
from gen.order.v1 import events_pb2 as order
from gen.promo.v1 import events_pb2 as promo

TYPES = EventTypes([inventory, order, promo])
RESERVATION = {
    "reservation": {
        "reservation_id": "rsv_1",
        "state": "STATE_ACTIVE",
        "owner": "ord_1",
        "expire_time": "2026-11-21T09:43:17.123Z",
        "create_time": "1969-12-31T23:59:59.250Z",
        "lines": [{"sku": "A/1", "location": "x", "quantity": 2**53 + 1}],
    }
}
ORDER = {
    "order": {
        "order_id": "ord_1",
        "state": "STATE_CONFIRMED",
        "total": {"currency": "EUR", "amount_minor": "-12"},
        "lines": [{"sku": "é", "quantity": "3", "allocations": [{"location": "l", "quantity": "3"}]}],
        "customer": {"id": "c", "address": {"lines": ["a", "b"], "country": "DE"}},
        "codes": ["X"],
        "create_time": "2026-11-21T09:43:17Z",
    },
    "previous_state": "STATE_AUTHORIZED",
}
SKU: dict[str, Any] = {
    "sku": {
        "sku": "A",
        "attributes": {"shade": "red", "sizes": [1, 2.5, None], "deep": {"ok": True}},
        "update_time": None,
    }
}
SAMPLES: dict[str, Any] = {
    "inventory.reservation.created": RESERVATION,
    "order.order.confirmed": ORDER,
    "inventory.sku.changed": SKU,
    "inventory.stock_level.changed": {"cause": "RESERVE", "level": {"sku": "A", "available": -1, "version": 7}},
}


def event(type_: str, data: bytes, content_type: str = "application/protobuf") -> Event:
    return Event("x-1", "x", type_, "k", 1, "2026-11-21T10:00:00Z", data, content_type)


@pytest.mark.parametrize("type_", SAMPLES)
def test_a_message_is_what_protobuf_makes_of_the_same_json(type_: str) -> None:
    kind: Any = type(TYPES.message(event(type_, b"")))
    without_nulls = (
        {"sku": {k: v for k, v in SKU["sku"].items() if v is not None}} if type_.endswith("sku.changed") else None
    )
    expected = json_format.ParseDict(without_nulls or SAMPLES[type_], kind())
    assert TYPES.message(event(type_, TYPES.encode(type_, SAMPLES[type_]))) == expected


@pytest.mark.parametrize("type_", SAMPLES)
def test_json_says_every_field_and_reads_back_as_the_same_message(type_: str) -> None:
    told = event(type_, TYPES.encode(type_, SAMPLES[type_]))
    message, document = TYPES.message(told), TYPES.as_json(told)
    assert set(document) == {field.name for field in message.DESCRIPTOR.fields}
    assert json_format.ParseDict(document, type(message)()) == message


def test_whole_numbers_are_numbers_and_enums_are_names() -> None:
    told = event("inventory.reservation.created", TYPES.encode("inventory.reservation.created", RESERVATION))
    reservation = TYPES.as_json(told)["reservation"]
    assert reservation["lines"][0]["quantity"] == 2**53 + 1
    assert reservation["state"] == "STATE_ACTIVE"


def test_an_event_in_json_reads_as_the_same_message() -> None:
    raw = b'{"cause": "RESERVE", "level": {"sku": "A", "available": "-1", "version": 7}, "of_a_later_release": 1}'
    assert TYPES.as_json(event("inventory.stock_level.changed", raw, JSON))["level"]["available"] == -1


def test_a_field_that_nobody_knows_is_not_lost_in_silence() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        TYPES.encode("inventory.stock_level.changed", {"nonsense": 1})
    with pytest.raises(UnknownType):
        TYPES.encode("nobody.knows.it", {})


def test_every_type_names_its_source_first() -> None:
    for name, descriptor in TYPES.types().items():
        assert name.split(".")[0] == descriptor.file.package.split(".")[0]
