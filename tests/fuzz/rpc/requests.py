"""Valid messages of a type, and bytes that only look like one."""

from __future__ import annotations

from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from chassis import bounds
from chassis.bounds import MASK, STRUCT, TIMESTAMP, Bounds
from tests.fuzz.rpc import values
from tests.fuzz.rpc.values import Pool

TEMPERS = (0.0, 0.02, 0.1, 0.5)
"""How hostile a message's fields are; the first has no deliberately wrong field, so that calls reach deep code."""
MOST_ENTRIES = 40
"""Limit of a repeated field, except for the rare one at its bound."""
HUGE = 4_300_000
"""More bytes than a server accepts."""
SECONDS = (0, 1_700_000_000, 1_800_000_000, -1, -62_135_596_800, 253_402_300_799, 253_402_214_400, 2**63 - 1, -(2**63))
NUMBERS = (0.0, 1.5, -1.0, 1e300, 1e19, 2.0**53, 2.0**53 + 2, 5e-324, -0.0, float("nan"), float("inf"))


def message(rng: Random, pool: Pool, descriptor: Descriptor) -> Any:
    """Returns a message of the type."""
    return _filled(rng, pool, descriptor, rng.choice(TEMPERS), 0)


def _filled(rng: Random, pool: Pool, descriptor: Descriptor, wild: float, depth: int) -> Any:
    made = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        said = bounds.declared(field)
        needed = (
            said.required
            or bool(said.min_items)
            or field.name in ("lines", "on_hand", "percent_bps", "delta", "quantity")
        )
        if rng.random() > (0.97 if needed else 0.5):
            continue
        if field.is_repeated:
            _repeat(rng, pool, made, field, wild, depth)
        elif field.message_type is not None:
            getattr(made, field.name).CopyFrom(_inner(rng, pool, field, wild, depth))
        else:
            setattr(made, field.name, _single(rng, pool, field, said, wild))
    return made


def _repeat(rng: Random, pool: Pool, made: Any, field: FieldDescriptor, wild: float, depth: int) -> None:
    said, entries = bounds.declared(field), getattr(made, field.name)
    count = rng.choice((1, 1, 1, 2, 3))
    if rng.random() < wild:
        most = said.max_items or MOST_ENTRIES
        count = rng.choice((0, 1, min(most, MOST_ENTRIES), most + 1 if most <= 100 or rng.random() < 0.2 else 5))
    if field.message_type is None:
        entries.extend(_single(rng, pool, field, said, wild) for _ in range(count))
    elif count > MOST_ENTRIES:  # the same entry: generating thousands takes longer than refusing them
        one = _inner(rng, pool, field, wild, depth)
        entries.extend([one] * count)
    elif depth < 6:
        entries.extend(_inner(rng, pool, field, wild, depth) for _ in range(count))


def _single(rng: Random, pool: Pool, field: FieldDescriptor, said: Bounds, wild: float) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return values.text(rng, pool, field.name, said, wild)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return rng.choice((0, 1, 2, 3)) if rng.random() > wild else rng.choice((99, -1, 2**31 - 1))
    if kind == FieldDescriptor.CPPTYPE_DOUBLE:
        return rng.choice(NUMBERS)
    return values.whole(rng, kind, said, wild)


def _inner(rng: Random, pool: Pool, field: FieldDescriptor, wild: float, depth: int) -> Any:
    descriptor = field.message_type
    assert descriptor is not None
    made: Any = GetMessageClass(descriptor)()
    if bounds.is_a(field, TIMESTAMP):
        tame = rng.random() >= wild
        made.seconds = rng.choice(SECONDS[1:3] if tame else SECONDS)
        made.nanos = 0 if tame else rng.choice((0, 999_999_999, 10**9, -1, 2**31 - 1))
    elif bounds.is_a(field, MASK):
        made.paths.extend(rng.choice(values.FIXED["paths"]) for _ in range(rng.choice((0, 1, 2))))
        if rng.random() < wild:
            made.paths.append(rng.choice(values.HOSTILE))
    elif bounds.is_a(field, STRUCT):
        _fill_struct(rng, made, wild)
    else:
        return _filled(rng, pool, descriptor, wild, depth + 1)
    return made


def _fill_struct(rng: Random, struct: Any, wild: float) -> None:
    struct["size_ml"] = 30
    struct["skin"] = ["dry", {"deep": [1, 2.5, None, True]}]
    if rng.random() >= wild:
        return
    struct[rng.choice(values.HOSTILE)] = rng.choice(values.HOSTILE)
    struct["number"] = rng.choice(NUMBERS)
    struct["big"] = "x" * rng.choice((10, 16_300, 16_384, 70_000))
    inner = struct
    for _ in range(rng.choice((1, 14, 15, 16, 30))):
        inner = inner.get_or_create_struct("in")
    if rng.random() < 0.2:
        struct.fields["nothing"].SetInParent()


def spoiled(rng: Random, raw: bytes) -> bytes:
    """Returns the bytes of a message after a random corruption."""
    return rng.choice(SPOILERS)(rng, raw)


def _cut(rng: Random, raw: bytes) -> bytes:
    return raw[: rng.randrange(len(raw) + 1)]


def _flip(rng: Random, raw: bytes) -> bytes:
    changed = bytearray(raw or b"\x0a")
    for _ in range(rng.choice((1, 1, 3, 10))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _noise(rng: Random, raw: bytes) -> bytes:
    return raw + rng.randbytes(rng.choice((1, 2, 8, 64)))


def _wrong_wire(rng: Random, raw: bytes) -> bytes:
    """A known field number with another wire type: a varint where text belongs, a group, a fixed number."""
    tag = rng.randrange(1, 12) << 3
    return raw + rng.choice(
        (
            bytes([tag]) + b"\x96\x01",
            bytes([tag | 1]) + b"\0" * 8,
            bytes([tag | 5]) + b"\0" * 4,
            bytes([tag | 3]) + b"\x08\x01",
            bytes([tag | 4]),
            bytes([tag | 6]),
            bytes([tag | 2]) + b"\x02\x08\x01",
            bytes([tag]) + b"\xff" * 11,
        )
    )


def _no_utf8(rng: Random, raw: bytes) -> bytes:
    text = rng.choice((b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"a\x80"))
    return raw + bytes([rng.randrange(1, 9) << 3 | 2, len(text)]) + text


def _nested(rng: Random, raw: bytes) -> bytes:
    """A field nested in itself, deeper than any parser allows."""
    tag, inner = bytes([rng.randrange(1, 9) << 3 | 2]), b""
    for _ in range(rng.choice((20, 99, 101, 500))):
        size = len(inner)
        length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
        inner = tag + length + inner
    return raw + inner


def _long_length(_rng: Random, raw: bytes) -> bytes:
    return raw + b"\x0a\xff\xff\xff\xff\x07"


def _unknown(rng: Random, raw: bytes) -> bytes:
    """Fields that no release has: servers must ignore them."""
    return raw + b"\x82\x7d" + bytes([5]) + rng.randbytes(5) + b"\x80\x7d\x01"


def _twice(_rng: Random, raw: bytes) -> bytes:
    return raw + raw


def padded(rng: Random, raw: bytes) -> bytes:
    """Up to 4.3 MB, in an unknown field."""
    size = rng.choice((100_000, 1_000_000, 4_000_000, HUGE))
    return raw + b"\x82\x7d" + _varint(size) + bytes(size)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


SPOILERS = (_cut, _flip, _flip, _noise, _wrong_wire, _wrong_wire, _no_utf8, _nested, _long_length, _unknown, _twice)
