"""The AsyncAPI document: it is valid, describes every event type, and events match it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from chassis.events import asyncapi
from chassis.events.event import PROTOBUF, Event, attributes
from chassis.events.event_types import EventTypes
from gen.inventory.v1 import events_pb2 as inventory
from gen.order.v1 import events_pb2 as order
from gen.promo.v1 import events_pb2 as promo
from gen.webhook.v1 import events_pb2 as webhook

DEPTH = 4
"""Depth of a filled message; deeper fields of a recursive one stay empty."""
NUMBERS = {"int32": 32, "int64": 64, "uint32": 32, "uint64": 64}
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
}
COMPONENT = re.compile(r"[A-Za-z0-9._-]+")
DOCUMENT: dict[str, Any] = json.loads(asyncapi.TARGET.read_text(encoding="utf-8"))
EVENT_TYPES = EventTypes([inventory, order, promo, webhook])


def test_the_committed_document_is_what_the_protos_give() -> None:
    assert asyncapi.document() == DOCUMENT


def test_the_document_has_the_form_that_the_specification_asks_for() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    known = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
    assert DOCUMENT.keys() <= known
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= server.keys()
    for name, channel in DOCUMENT["channels"].items():
        assert COMPONENT.fullmatch(name)
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == channel.get("parameters", {}).keys()
        assert channel["bindings"].keys() == {_at(server["$ref"])["protocol"] for server in channel["servers"]}
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert all(one["$ref"].startswith(operation["channel"]["$ref"]) for one in operation["messages"])
    for part in DOCUMENT["components"].values():
        assert all(COMPONENT.fullmatch(name) for name in part)


def test_everything_that_the_document_refers_to_is_there() -> None:
    references = list(_references(DOCUMENT))
    assert references
    for reference in references:
        assert _at(reference) is not None


def test_every_event_type_is_told_of_over_every_protocol() -> None:
    told: dict[str, set[str]] = {}
    for channel in DOCUMENT["channels"].values():
        [server] = channel["servers"]
        for type_, message in channel["messages"].items():
            told.setdefault(type_, set()).add(_at(server["$ref"])["protocol"])
            assert message["x-protobuf-message"] == EVENT_TYPES.types()[type_].full_name
            assert message["summary"]
    assert told == {type_: {"redis", "kafka", "amqp", "nats"} for type_ in EVENT_TYPES.types()}


def test_every_field_of_every_payload_is_described() -> None:
    bare = [
        f"{name}.{field}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for field, value in schema.get("properties", {}).items()
        if not value.get("description")
    ]
    assert bare == []


@pytest.mark.parametrize("protocol", list(asyncapi.PROTOCOLS))
def test_headers_are_those_that_the_broker_sends(protocol: str) -> None:
    event = Event("promo-1", "promo", "promo.thing", "k", 7, "2026-11-21T10:00:00Z", b"")
    if protocol == "kafka":
        kafka = pytest.importorskip("chassis.events.brokers.kafka_client")
        sent = {name: value.decode() for name, value in kafka.headers_of(event)}
    elif protocol == "nats":
        sent = pytest.importorskip("chassis.events.brokers.nats_server").headers_of(event)
    elif protocol == "amqp":
        message = pytest.importorskip("chassis.events.brokers.rabbitmq").message_of(event)
        sent = {**message.headers, "content-type": message.content_type}
    else:
        sent = attributes(event)
    schema = DOCUMENT["components"]["messageTraits"][protocol]["headers"]
    assert _wrong(schema, sent, "headers") == []
    assert sent.keys() == schema["properties"].keys()


@pytest.mark.parametrize("type_", list(EVENT_TYPES.types()))
@pytest.mark.parametrize("depth", [0, DEPTH])
def test_events_of_every_type_are_as_their_schema_says(type_: str, depth: int) -> None:
    """Empty ones and fully set ones, through the code that produces the JSON for consumers."""
    message = GetMessageClass(EVENT_TYPES.types()[type_])()
    if depth:
        _fill(message, depth)
    event = Event("x-1", "x", type_, "k", 1, "2026-11-21T10:00:00Z", message.SerializeToString(), PROTOBUF)
    told = orjson.loads(orjson.dumps(EVENT_TYPES.as_json(event)))
    schema = DOCUMENT["channels"][f"{type_.partition('.')[0]}_redis"]["messages"][type_]["payload"]
    assert _wrong(schema, told, type_) == []
    assert told.keys() == _at(schema["$ref"])["properties"].keys()


def test_the_check_of_this_test_finds_what_is_wrong() -> None:
    schema = {"$ref": "#/components/schemas/inventory.v1.StockLevelChanged"}
    assert _wrong(schema, {"cause": 1}, "x") == ["x.cause: 1 is not of type string"]
    assert _wrong(schema, {"unheard_of": 1}, "x") == ["x.unheard_of is not in the schema"]
    assert _wrong(schema, {"level": {"sku": []}}, "x") == ["x.level fits none"]
    assert _wrong({"type": "integer", "format": "int32"}, 2**31, "x") == ["x: 2147483648 is not in format int32"]
    assert _wrong({"type": "string", "enum": ["A"]}, "B", "x") == ["x: B is not in the enum"]
    assert _wrong({"type": "string", "format": "date-time"}, "noon", "x") == ["x: noon is not a time"]
    assert _wrong({"type": "object", "required": ["a"]}, {}, "x") == ["x.a is missing"]


def _at(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _references(one)


def _fill(message: Any, depth: int) -> None:
    """Sets every field down to `depth`, repeated ones twice."""
    for field in message.DESCRIPTOR.fields:
        inner = field.message_type
        if inner is not None and inner.full_name == "google.protobuf.Timestamp":
            getattr(message, field.name).FromJsonString("2026-11-21T10:00:00.5Z")
        elif inner is not None and inner.full_name == "google.protobuf.Struct":
            getattr(message, field.name).update({"shade": "rot", "sizes": [1, None]})
        elif inner is not None and depth > 1:
            for _ in range(2 if field.is_repeated else 1):
                below = getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name)
                below.SetInParent() if not field.is_repeated else None
                _fill(below, depth - 1)
        elif inner is None and field.is_repeated:
            getattr(message, field.name).extend([_sample(field)] * 2)
        elif inner is None:
            setattr(message, field.name, _sample(field))


def _sample(field: FieldDescriptor) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values[-1].number
    return {
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_STRING: "größe",
        FieldDescriptor.CPPTYPE_INT64: -(2**62),
        FieldDescriptor.CPPTYPE_UINT64: 2**63,
    }.get(field.cpp_type, 7)


def _wrong(schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
    """Violations of the schema by the value, for the keywords that the document uses."""
    if "$ref" in schema:
        return _wrong(_at(schema["$ref"]), value, where)
    for part in schema.get("allOf", []):
        return _wrong(part, value, where)
    if "oneOf" in schema:
        fitting = [one for one in schema["oneOf"] if not _wrong(one, value, where)]
        return [] if len(fitting) == 1 else [f"{where} fits {'several' if fitting else 'none'}"]
    kind = schema.get("type")
    if kind == "integer":
        return _wrong_number(schema, value, where)
    if kind is not None and not isinstance(value, TYPES[kind]):
        return [f"{where}: {value} is not of type {kind}"]
    if kind == "string":
        return _wrong_text(schema, value, where)
    if kind == "array":
        return [found for at, one in enumerate(value) for found in _wrong(schema["items"], one, f"{where}[{at}]")]
    return _wrong_object(schema, value, where) if kind == "object" else []


def _wrong_number(schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
    bits = NUMBERS[schema["format"]]
    least = schema.get("minimum", -(2 ** (bits - 1)))
    most = 2 ** (bits if least == 0 else bits - 1) - 1
    fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    return [] if fits else [f"{where}: {value} is not in format {schema['format']}"]


def _wrong_text(schema: Mapping[str, Any], value: str, where: str) -> list[str]:
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return [f"{where}: {value} is not in the enum"]
    if not re.search(schema.get("pattern", ""), value):
        return [f"{where}: {value} does not match"]
    if schema.get("format") == "date-time":
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return [f"{where}: {value} is not a time"]
    return []


def _wrong_object(schema: Mapping[str, Any], value: Mapping[str, Any], where: str) -> list[str]:
    found = [f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value]
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in value.items():
        if name in properties:
            found += _wrong(properties[name], one, f"{where}.{name}")
        elif others is not None:
            found += _wrong(others, one, f"{where}.{name}")
        elif properties:
            found.append(f"{where}.{name} is not in the schema")
    return found
