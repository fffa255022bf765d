"""JSON Schema of protobuf messages in the JSON of `event_types.py`, with the comments of protos/ as descriptions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet

Json = dict[str, Any]
Place = tuple[int, ...]

SCALARS: dict[int, Json] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number"},
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.CPPTYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0, "format": "uint32"},
    FieldDescriptor.CPPTYPE_UINT64: {"type": "integer", "minimum": 0, "format": "uint64"},
}
TIMESTAMP = "google.protobuf.Timestamp"
STRUCT = "google.protobuf.Struct"
WELL_KNOWN = "google.protobuf."
MESSAGES, ENUMS, FIELDS, NESTED, NESTED_ENUMS, VALUES = 4, 5, 2, 3, 4, 2
"""Field numbers of these in descriptor.proto, which source locations use."""


class Schemas:
    """Schemas of the referenced messages and enums, by full name."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self._made: dict[str, Json] = {}

    def all(self) -> Json:
        """All schemas, sorted by name."""
        return dict(sorted(self._made.items()))

    def comment(self, full_name: str) -> str:
        """The comment in protos/ on a message, field, enum or value; "" when there is none."""
        return self._comments.get(full_name, "")

    def reference(self, message: Descriptor) -> Json:
        """Returns a reference to a message's schema, which is made the first time."""
        if message.full_name not in self._made:
            schema: Json = {"type": "object", "description": self.comment(message.full_name), "properties": {}}
            self._made[message.full_name] = schema  # first, since a message may hold itself
            schema["properties"].update({field.name: self._field(field) for field in message.fields})
        return {"$ref": f"#/components/schemas/{message.full_name}"}

    def _field(self, field: FieldDescriptor) -> Json:
        schema = self._value(field)
        if field.is_repeated:
            schema = self._several(field, schema)
        elif field.has_presence:
            schema = {"oneOf": [schema, {"type": "null"}]}
        comment = self.comment(field.full_name)
        return {
            **({"description": comment} if comment else {}),
            **({"allOf": [schema]} if "$ref" in schema else schema),
        }

    def _several(self, field: FieldDescriptor, one: Json) -> Json:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._value(field.message_type.fields_by_name["value"])}
        return {"type": "array", "items": one}

    def _value(self, field: FieldDescriptor) -> Json:
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        message = field.message_type
        if message is None:
            return SCALARS[field.cpp_type]
        if message.full_name == TIMESTAMP:
            return {"type": "string", "format": "date-time"}
        if message.full_name == STRUCT:
            return {"type": "object"}
        if message.full_name.startswith(WELL_KNOWN):
            return {"description": f"{message.full_name} in protobuf's JSON mapping"}
        if message.GetOptions().map_entry:
            return {"type": "object"}
        return self.reference(message)

    def _enum(self, enum: EnumDescriptor) -> Json:
        names = [value.name for value in enum.values]
        told = {name: text for name in names if (text := self.comment(f"{enum.full_name}.{name}"))}
        self._made.setdefault(
            enum.full_name,
            {
                "type": "string",
                "description": self.comment(enum.full_name),
                "enum": names,
                **({"x-enum-descriptions": told} if told else {}),
            },
        )
        return {"$ref": f"#/components/schemas/{enum.full_name}"}


def comments_of(protos: Path) -> dict[str, str]:
    """The comments on messages, fields, enums and values in a folder of protos, by full name; a value's includes its enum."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "all"
        sources = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
        builtin = str(files("grpc_tools") / "_proto")
        given = [f"--proto_path={protos}", f"--proto_path={builtin}", f"--descriptor_set_out={target}"]
        if protoc.main(["protoc", "--include_source_info", *given, *sources]) != 0:
            raise SystemExit("asyncapi: protoc failed, see above")
        read = FileDescriptorSet.FromString(target.read_bytes())
    return {name: text for file in read.file for name, text in _of_file(file)}


def _of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    told = {tuple(one.path): one.leading_comments for one in file.source_code_info.location if one.leading_comments}
    names: dict[Place, str] = {}
    for number, message in enumerate(file.message_type):
        names |= dict(_of_message(message, (MESSAGES, number), file.package))
    for number, enum in enumerate(file.enum_type):
        names |= dict(_of_enum(enum, (ENUMS, number), file.package))
    for place, name in names.items():
        if place in told:
            yield name, " ".join(told[place].split())


def _of_message(message: DescriptorProto, place: Place, scope: str) -> Iterator[tuple[Place, str]]:
    name = f"{scope}.{message.name}"
    yield place, name
    for number, field in enumerate(message.field):
        yield (*place, FIELDS, number), f"{name}.{field.name}"
    for number, nested in enumerate(message.nested_type):
        yield from _of_message(nested, (*place, NESTED, number), name)
    for number, enum in enumerate(message.enum_type):
        yield from _of_enum(enum, (*place, NESTED_ENUMS, number), name)


def _of_enum(enum: EnumDescriptorProto, place: Place, scope: str) -> Iterator[tuple[Place, str]]:
    name = f"{scope}.{enum.name}"
    yield place, name
    for number, value in enumerate(enum.value):
        yield (*place, VALUES, number), f"{name}.{value.name}"
