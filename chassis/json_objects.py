"""Free-form JSON objects in messages (google.protobuf.Struct): their limits, and their conversion to Python."""

from __future__ import annotations

import re
from typing import Any

import orjson
from google.protobuf.struct_pb2 import Struct

NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""NUL as JSON writes it. With a backslash before it, it is the text of the escape, which can be stored."""
MOST_EXACT = 2**53
"""Numbers are sent as doubles: a larger whole number would change on the way."""
WIRE_BYTES = 4
"""Most bytes of a message per byte of its JSON: a larger message is rejected before it is converted."""


def problem(message: Struct, most_bytes: int, most_depth: int) -> str:
    """Why an object is not allowed, as text; empty when it is allowed."""
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
    """The object as Python values, with whole numbers as `int`. Check `problem` first."""
    return _object(message, 100)


def _object(message: Struct, depth: int) -> dict[str, Any]:
    if depth == 0:
        raise ValueError("is nested too deeply")
    return {name: _value(value, depth) for name, value in message.fields.items()}


def _value(message: Any, depth: int) -> Any:
    kind = message.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    if kind == "struct_value":
        return _object(message.struct_value, depth - 1)
    if kind == "list_value":
        if depth == 1:
            raise ValueError("is nested too deeply")
        return [_value(one, depth - 1) for one in message.list_value.values]
    return _number(message.number_value) if kind == "number_value" else getattr(message, kind)


def _number(value: float) -> int | float:
    if not -MOST_EXACT <= value <= MOST_EXACT:  # NaN fails both comparisons
        raise ValueError(f"must contain only numbers from -{MOST_EXACT} to {MOST_EXACT}")
    return int(value) if value.is_integer() else value
