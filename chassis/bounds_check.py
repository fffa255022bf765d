"""Checks the fields of requests against their bounds, before a server calls the method.

For each message type a check is compiled once, from generated source: a valid request costs 0.2 to 0.4 us per text and
number. The violations are collected only when there are any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis import errors, json_objects, timestamps
from chassis.bounds import MASK, PAGE_TOKEN, STRUCT, TEXT, TIMESTAMP, Bounds, declared, is_a
from chassis.errors import FieldViolation

Violations: TypeAlias = "list[FieldViolation] | None"
Check: TypeAlias = Callable[[Any], Violations]

MOST_VIOLATIONS = 10
"""Most violations in one error: they are sent in trailers, for which grpc allows 8 KiB."""
MASKED = "update_mask"


def check(message: Message) -> None:
    """Raises INVALID_ARGUMENT with the fields outside their bounds: FIELD_REQUIRED, FIELD_INVALID, PAGE_TOKEN_INVALID."""
    descriptor: Any = message.DESCRIPTOR
    wrong = compiled(descriptor)(message)
    if wrong:
        raise errors.invalid_fields(wrong)


@cache
def compiled(descriptor: Descriptor, partial: bool = False) -> Check:
    """The check for a message type: it returns the violations, or None. With `partial`, for a resource whose fields a mask
    selects, no field is required."""
    names: dict[str, Any] = {"text": _text, "number": _number, "count": _count, "absent": _absent, "under": _under}
    lines = ["def check(m):", "    wrong = None"]
    for field in descriptor.fields:
        inner = partial or MASKED in descriptor.fields_by_name
        lines += (f"    {line}" for line in _field(field, partial, inner, names))
    lines.append("    return wrong")
    exec(compile("\n".join(lines), f"<bounds of {descriptor.full_name}>", "exec"), names)  # noqa: S102 - made from our protos
    checks: Check = names["check"]
    return checks


def _trivial(descriptor: Descriptor | None) -> bool:
    return descriptor is not None and all(_plain(field) for field in descriptor.fields)


def _plain(field: FieldDescriptor) -> bool:
    if field.message_type is not None:
        return not is_a(field, STRUCT, MASK, TIMESTAMP) and declared(field) == Bounds() and _trivial(field.message_type)
    return declared(field) in (Bounds(), Bounds(form=TEXT)) and field.cpp_type != FieldDescriptor.CPPTYPE_STRING


def _field(field: FieldDescriptor, partial: bool, inner: bool, names: dict[str, Any]) -> Iterator[str]:
    """Source that checks one field of `m`."""
    if _plain(field):
        return
    key, bounds = f"_{field.name}", declared(field)
    names[f"b{key}"] = bounds
    if field.is_repeated:
        yield from _repeated(field, bounds, inner, names, 0 if partial else bounds.min_items or 0)
    elif field.message_type is not None:
        yield from _message(field, bounds, partial, inner, names)
    elif field.has_presence:
        yield f"if m.HasField({field.name!r}):"
        yield f"    v = m.{field.name}"
        yield from (f"    {line}" for line in _value(field, bounds, partial, names, f"{field.name!r}"))
    else:
        yield f"v = m.{field.name}"
        yield from _value(field, bounds, partial, names, f"{field.name!r}")


def _repeated(field: FieldDescriptor, bounds: Bounds, inner: bool, names: dict[str, Any], least: int) -> Iterator[str]:
    most = bounds.max_items or 0
    path = f"f'{field.name}[{{i}}]'"
    yield f"s = m.{field.name}"
    yield f"if {f'not {least} <= len(s) <= {most}' if least else f'len(s) > {most}'}:"
    yield f"    wrong = count(wrong, {field.name!r}, {least}, {most}, len(s))"
    if bounds.each_alone or (_trivial(field.message_type)):
        return
    yield "elif s:"
    yield "    for i, v in enumerate(s):"
    if field.message_type is not None:
        names[f"c_{field.name}"] = compiled(field.message_type, inner)
        yield f"        w = c_{field.name}(v)"
        yield f"        if w: wrong = under(wrong, {path}, w)"
    else:
        yield from (f"        {line}" for line in _value(field, bounds, False, names, path))


def _message(
    field: FieldDescriptor, bounds: Bounds, partial: bool, inner: bool, names: dict[str, Any]
) -> Iterator[str]:
    name = field.name
    if is_a(field, MASK):
        yield from _mask(field, bounds, partial)
        return
    yield f"if m.HasField({name!r}):"
    if is_a(field, STRUCT, TIMESTAMP):
        names[f"c_{name}"] = _instant if is_a(field, TIMESTAMP) else _object
        yield f"    wrong = c_{name}(wrong, {name!r}, b_{name}, m.{name})"
    elif not _trivial(field.message_type):
        names[f"c_{name}"] = compiled(field.message_type, inner)
        yield f"    w = c_{name}(m.{name})"
        yield f"    if w: wrong = under(wrong, {name!r}, w)"
    else:
        yield "    pass"
    if bounds.required and not partial:
        yield "else:"
        yield f"    wrong = absent(wrong, {name!r})"


def _mask(field: FieldDescriptor, bounds: Bounds, partial: bool) -> Iterator[str]:
    """Source that checks a mask. The bounds of its paths are on the field: FieldMask is not declared in our protos."""
    least, most = 0 if partial else bounds.min_items or 0, bounds.max_items or 0
    yield f"s = m.{field.name}.paths"
    yield f"if not {least} <= len(s) <= {most}:"
    yield f"    wrong = count(wrong, {field.name!r}, {least}, {most}, len(s))"
    yield "else:"
    yield "    for i, v in enumerate(s):"
    path = f"f'{field.name}.paths[{{i}}]'"
    yield f"        if len(v) > {bounds.max_length} or '\\0' in v: wrong = text(wrong, {path}, b_{field.name}, v)"


def _value(field: FieldDescriptor, bounds: Bounds, partial: bool, names: dict[str, Any], path: str) -> Iterator[str]:
    """Source that checks the single value `v`."""
    if field.cpp_type != FieldDescriptor.CPPTYPE_STRING:
        if bounds.minimum is not None and bounds.maximum is not None:
            yield f"if not {bounds.minimum} <= v <= {bounds.maximum}:"
            yield f"    wrong = number(wrong, {path}, b_{field.name}, v)"
        return
    allowed = "'\\0' not in v"
    if bounds.form is not TEXT and bounds.form is not None:
        names[f"p_{field.name}"] = re.compile(bounds.form.pattern).fullmatch
        allowed = f"p_{field.name}(v)"
    needed = bool(bounds.min_length) and (field.is_repeated or (bounds.required and not partial))
    least = bounds.min_length if needed else 0
    rule = f"{least} <= len(v) <= {bounds.max_length} and {allowed}"
    yield f"if not ({rule}):" if needed else f"if v and not ({rule}):"
    yield f"    wrong = text(wrong, {path}, b_{field.name}, v)"


def _text(wrong: Violations, path: str, bounds: Bounds, value: str) -> Violations:
    form, most = bounds.form or TEXT, bounds.max_length or 0
    if not value:
        return _absent(wrong, path)
    reason = "PAGE_TOKEN_INVALID" if form is PAGE_TOKEN else "FIELD_INVALID"
    if form.length_apart and len(value) > most:
        return _note(wrong, path, reason, f"must have at most {most} characters")
    return _note(wrong, path, reason, form.words.format(least=bounds.min_length or 1, most=most))


def _number(wrong: Violations, path: str, bounds: Bounds, value: int) -> Violations:
    return _note(wrong, path, "FIELD_INVALID", f"must be from {bounds.minimum} to {bounds.maximum}, not {value}")


def _count(wrong: Violations, path: str, least: int, most: int, number: int) -> Violations:
    if number == 0:
        return _absent(wrong, path)
    return _note(wrong, path, "FIELD_INVALID", f"must have {least} to {most} entries, not {number}")


def _absent(wrong: Violations, path: str) -> Violations:
    return _note(wrong, path, "FIELD_REQUIRED", "is required")


def _instant(wrong: Violations, path: str, _bounds: Bounds, value: Any) -> Violations:
    return wrong if timestamps.possible(value) else _note(wrong, path, "FIELD_INVALID", timestamps.RANGE)


def _object(wrong: Violations, path: str, bounds: Bounds, value: Any) -> Violations:
    problem = json_objects.problem(value, bounds.max_bytes or 0, bounds.max_depth or 0)
    return _note(wrong, path, "FIELD_INVALID", problem) if problem else wrong


def _under(wrong: Violations, path: str, inner: list[FieldViolation]) -> Violations:
    """Adds the violations inside a field, with the field's path as prefix."""
    for one in inner:
        wrong = _note(wrong, f"{path}.{one.path}", one.reason, one.description)
    return wrong


def _note(wrong: Violations, path: str, reason: str, description: str) -> Violations:
    found = wrong or []
    if len(found) < MOST_VIOLATIONS:
        found.append(FieldViolation(path, reason, description))
    return found
