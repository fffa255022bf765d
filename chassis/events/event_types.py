"""The message of each event type, and the conversions between protobuf and JSON.

The protos declare the types (`option (common.v1.event_types)`). Each message's fields are inspected once: protobuf's own JSON
code inspects every field of every message again and costs ten times as much.

JSON here is protobuf's JSON mapping with the proto's field names, whole numbers as numbers, and every field present: the
shape of the REST API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, TypeAlias

import orjson
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.events.event import PROTOBUF, Event
from gen.common.v1 import event_options_pb2

Json: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Any], Any]

WHOLE = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}
WELL_KNOWN = "google.protobuf."


class UnknownType(Exception):
    """No message is known for this event type."""


class EventTypes:
    """Event types of generated modules, such as `gen.inventory.v1.events_pb2`."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        self._known: dict[str, _Shape] = {}
        for module in modules:
            for descriptor in module.DESCRIPTOR.message_types_by_name.values():
                types = descriptor.GetOptions().Extensions[event_options_pb2.event_types]
                if types:
                    self._known.update(dict.fromkeys(types, _Shape(descriptor)))

    def types(self) -> Mapping[str, Descriptor]:
        """Every type and the message that belongs to it."""
        return {name: shape.descriptor for name, shape in self._known.items()}

    def encode(self, type_: str, payload: Json) -> bytes:
        """The message's bytes, from protobuf's JSON mapping with the proto's names. UnknownType, ValueError, TypeError."""
        return self._shape(type_).message_of(payload).SerializeToString()

    def message(self, event: Event) -> Any:
        """The event's message. UnknownType; DecodeError or ParseError when the bytes do not fit its type."""
        shape = self._shape(event.type)
        if event.content_type == PROTOBUF:
            return shape.kind.FromString(event.data)
        return json_format.Parse(event.data, shape.kind(), ignore_unknown_fields=True)

    def as_json(self, event: Event) -> Json:
        """The event's message as JSON. Raises as `message`."""
        return self._shape(event.type).as_json(self.message(event))

    def packed(self, event: Event) -> tuple[str, bytes]:
        """Type URL and bytes for google.protobuf.Any. Raises as `message`."""
        shape = self._shape(event.type)
        data = event.data if event.content_type == PROTOBUF else self.message(event).SerializeToString()
        return f"type.googleapis.com/{shape.descriptor.full_name}", data

    def _shape(self, type_: str) -> _Shape:
        shape = self._known.get(type_)
        if shape is None:
            raise UnknownType(type_)
        return shape


def message_as_json(message: Message) -> Json:
    """Any message in the JSON form of events."""
    readers = _KNOWN.get(message.DESCRIPTOR.full_name)
    if readers is None:
        descriptor: Any = message.DESCRIPTOR
        readers = _KNOWN[descriptor.full_name] = _readers(descriptor)
    return {name: read(message) for name, read in readers}


_KNOWN: dict[str, list[tuple[str, Reader]]] = {}


def cloud_event(event: Event, data: Json) -> bytes:
    """The whole event as JSON, CloudEvents' structured content mode."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": f"/{event.source}",
            "type": event.type,
            "subject": event.key,
            "sequence": event.position,
            "time": event.time,
            "data": data,
        }
    )


class _Shape:
    """One message type: the conversions between its JSON and the arguments of its constructor, field by field."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self.kind: Any = GetMessageClass(descriptor)
        self._plain = not _has_well_known(descriptor, set())
        self._fixes: dict[str, Reader] = {}
        self._readers: list[tuple[str, Reader]] | None = None

    def message_of(self, payload: Json) -> Message:
        """A message with the payload's values; unknown fields are an error, as they would be lost."""
        if self._plain:
            return self.kind(**_arguments(self.descriptor, payload))  # type: ignore[no-any-return]
        return json_format.ParseDict(payload, self.kind())  # type: ignore[no-any-return]

    def as_json(self, message: Any) -> Json:
        if self._readers is None:
            self._readers = _readers(self.descriptor)
        return {name: read(message) for name, read in self._readers}


def _arguments(descriptor: Descriptor, payload: Json) -> Json:
    """The arguments of the constructor, which takes enums by name."""
    fixes = _FIXES.get(descriptor.full_name)
    if fixes is None:
        fixes = _FIXES[descriptor.full_name] = dict(_fixes(descriptor))
    return {
        name: value if (fix := fixes.get(name)) is None else fix(value)
        for name, value in payload.items()
        if value is not None
    }


_FIXES: dict[str, dict[str, Reader]] = {}


def _fixes(descriptor: Descriptor) -> Iterator[tuple[str, Reader]]:
    for field in descriptor.fields:
        fix: Reader | None = None
        if field.cpp_type in WHOLE:
            fix = int
        elif field.message_type is not None and field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
            fix = _timestamp
        elif field.message_type is not None:
            fix = _nested(field.message_type)
        if fix is not None:
            yield field.name, _each(fix) if field.is_repeated else fix


def _nested(descriptor: Descriptor) -> Reader:
    return lambda value: _arguments(descriptor, value)


def _each(one: Reader) -> Reader:
    return lambda values: [one(value) for value in values]


def _timestamp(text: str) -> Timestamp:
    at = datetime.fromisoformat(text)
    return Timestamp(seconds=int(at.replace(microsecond=0).timestamp()), nanos=at.microsecond * 1000)


def _has_well_known(descriptor: Descriptor, seen: set[str]) -> bool:
    """Whether it holds a Struct, an Any or the like, whose JSON has rules of its own; or a map."""
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        inner = field.message_type
        if inner is None or inner.full_name in seen or inner.full_name == Timestamp.DESCRIPTOR.full_name:
            continue
        if inner.full_name.startswith(WELL_KNOWN) or inner.GetOptions().map_entry or _has_well_known(inner, seen):
            return True
    return False


def _readers(descriptor: Descriptor) -> list[tuple[str, Reader]]:
    return [(field.name, _reader(field)) for field in descriptor.fields]


def _reader(field: FieldDescriptor) -> Reader:
    name, one = field.name, _value_reader(field)
    if field.is_repeated:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return lambda message: dict(getattr(message, name))
        if one is None:
            return lambda message: list(getattr(message, name))
        return lambda message: [one(value) for value in getattr(message, name)]
    if field.has_presence:
        return lambda message: _present(message, name, one)
    if one is None:
        return lambda message: getattr(message, name)
    return lambda message: one(getattr(message, name))


def _present(message: Any, name: str, one: Reader | None) -> Any:
    if not message.HasField(name):
        return None
    value = getattr(message, name)
    return value if one is None else one(value)


def _value_reader(field: FieldDescriptor) -> Reader | None:
    if field.enum_type is not None:
        names = {value.number: value.name for value in field.enum_type.values}
        return lambda number: names.get(number, number)
    if field.message_type is None:
        return None
    if field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
        return _iso
    if field.message_type.full_name.startswith(WELL_KNOWN):
        return lambda message: json_format.MessageToDict(message, preserving_proto_field_name=True)
    inner, readers = field.message_type, list[tuple[str, Reader]]()

    def nested(message: Any) -> Json:
        if not readers:  # not earlier: a message may hold itself
            readers.extend(_readers(inner))
        return {name: read(message) for name, read in readers}

    return nested


def _iso(at: Timestamp) -> str:
    moment = datetime.fromtimestamp(at.seconds, UTC).replace(microsecond=at.nanos // 1000)
    return moment.isoformat().replace("+00:00", "Z")
