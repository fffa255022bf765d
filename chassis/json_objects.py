"""Free JSON objects in messages (google.protobuf.Struct): what they may hold, and what they hold as Python."""

from __future__ import annotations

import re
from typing import Any

import orjson
from google.protobuf.struct_pb2 import Struct

NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""As JSON writes it; a backslash before it makes it the text of the escape, which may be stored."""
MOST_EXACT = 2**53
"""Numbers travel as doubles: a larger whole number would arrive as another one."""
WIRE_BYTES = 4
"""A message has at most about as many bytes for each byte of its JSON: a larger one is refused before anybody walks it."""


def problem(message: Struct, most_bytes: int, most_depth: int) -> str:
    """What is wrong with an object, in words; empty when nothing is."""
    if message.ByteSize() > WIRE_BYTES * most_bytes + 64:
        return f"must have at most {most_bytes} bytes as JSON"
    try:
        raw = orjson.dumps(_object(message, most_depth))
    except ValueError as wrong:
        return str(wrong)
    if len(raw) > most_bytes:
        return f"must have at most {most_bytes} bytes as JSON"
    return "must not contain NUL" if NUL.search(raw) else ""


def read(message: Struct) -> dict[str, Any]:
    """The object, once it has no `problem`: whole numbers are `int`."""
    return _object(message, 100)


def _object(message: Struct, depth: int) -> dict[str, Any]:
    if depth == 0:
        raise ValueError("is nested too deep")
    return {name: _value(value, depth) for name, value in message.fields.items()}


def _value(message: Any, depth: int) -> Any:
    kind = message.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    if kind == "struct_value":
        return _object(message.struct_value, depth - 1)
    if kind == "list_value":
        if depth == 1:
            raise ValueError("is nested too deep")
        return [_value(one, depth - 1) for one in message.list_value.values]
    return _number(message.number_value) if kind == "number_value" else getattr(message, kind)


def _number(value: float) -> int | float:
    if not -MOST_EXACT <= value <= MOST_EXACT:  # nor is NaN
        raise ValueError(f"must hold numbers from -{MOST_EXACT} to {MOST_EXACT} only")
    return int(value) if value.is_integer() else value
