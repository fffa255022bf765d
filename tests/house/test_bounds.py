"""House rules of callers' input: every field of a request has its bounds, and no text of a caller becomes a pattern."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module

from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor

from chassis import bounds
from chassis.bounds import MASK, STRUCT, TIMESTAMP
from tests.house import tree

NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}
FREE = {FieldDescriptor.CPPTYPE_BOOL, FieldDescriptor.CPPTYPE_ENUM}
"""Have few values; servicers report unknown numbers of an enum."""
PATTERN_FUNCTIONS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
MAY_COMPILE = {
    "chassis/bounds_check.py": "the patterns are those of chassis/bounds.py",
    "edge/app.py": "the patterns are those of the edge's routes",
    "edge/headers.py": "the patterns are constants that the document also shows",
    "edge/schemas/bounds.py": "the patterns are those of chassis/bounds.py",
    "edge/schemas/fields.py": "the patterns are constants, built from smaller ones",
    "edge/webhooks/standard.py": "the patterns are constants that the document also shows",
}
FORM_OF = {"sku": "FORMAT_SKU", "skus": "FORMAT_SKU", "currency": "FORMAT_CURRENCY"}
"""A name means the same in every request, so the same texts are allowed."""
MAY_GLOB = {"edge/push/topics.py": "the patterns are a constant table, the results are kept"}


def test_every_field_that_a_request_can_hold_is_bounded() -> None:
    broken: list[str] = []
    for service in _services():
        for method in service.methods:
            broken.extend(f"{path}: {what}" for path, what in _unbounded(method.input_type))
    tree.holds("declares its bounds with (common.v1.bounds)", set(broken))


def test_bounds_that_are_declared_can_be_kept() -> None:
    broken = []
    for service in _services():
        for field in (field for method in service.methods for field in _fields(method.input_type)):
            said = bounds.declared(field)
            for low, high in (
                (said.min_length, said.max_length),
                (said.minimum, said.maximum),
                (said.min_items, said.max_items),
            ):
                if low is not None and high is not None and low > high:
                    broken.append(f"{field.full_name}: from {low} to {high}")
    tree.holds("the least is not above the most", broken)


def test_fields_of_one_name_have_one_form() -> None:
    broken = []
    for service in _services():
        for field in (field for method in service.methods for field in _fields(method.input_type)):
            form = FORM_OF.get(field.name)
            if form is not None and field.message_type is None and bounds.declared(field).form != bounds.FORMS[form]:
                broken.append(f"{field.full_name}: needs {form}")
    tree.holds("declares its format", broken)


def test_no_pattern_is_made_of_what_is_not_written_in_the_code() -> None:
    broken = []
    for path, node in tree.nodes(ast.Call):
        function = node.func
        if (
            not tree.of_product(path)
            or not isinstance(function, ast.Attribute)
            or not isinstance(function.value, ast.Name)
        ):
            continue
        made = function.value.id == "re" and function.attr in PATTERN_FUNCTIONS and not _constant(node.args[0])
        if made and path not in MAY_COMPILE:
            broken.append(f"{path}:{node.lineno}: re.{function.attr} of a value")
    for path, imported in tree.nodes(ast.Import, ast.ImportFrom):
        names = {imported.module} if isinstance(imported, ast.ImportFrom) else {alias.name for alias in imported.names}
        if "fnmatch" in names and tree.of_product(path) and path not in MAY_GLOB:
            broken.append(f"{path}:{imported.lineno}: fnmatch compiles its patterns")
    tree.holds("compare text instead", broken)


def _constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def _services() -> Iterator[ServiceDescriptor]:
    for path in tree.files(".proto"):
        if path.startswith("protos/"):
            module = import_module(
                "gen." + path.removeprefix("protos/").removesuffix(".proto").replace("/", ".") + "_pb2"
            )
            yield from module.DESCRIPTOR.services_by_name.values()


def _fields(message: Descriptor, seen: frozenset[str] = frozenset()) -> Iterator[FieldDescriptor]:
    """Every field of a message and of the product's own messages within it."""
    for field in message.fields:
        yield field
        inner = field.message_type
        if inner is not None and not inner.full_name.startswith("google.") and inner.full_name not in seen:
            yield from _fields(inner, seen | {inner.full_name})


def _unbounded(message: Descriptor) -> Iterator[tuple[str, str]]:
    for field in _fields(message):
        said = bounds.declared(field)
        if field.is_repeated and said.max_items is None:
            yield field.full_name, "has no max_items"
        if field.message_type is not None:
            missing = _missing_of_message(field)
        elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            missing = "" if said.max_length else "has no max_length"
        elif field.cpp_type in NUMBERS:
            missing = "has no minimum and maximum" if None in (said.minimum, said.maximum) else ""
        else:
            missing = "" if field.cpp_type in FREE else "is of a kind that bounds do not cover"
        if missing:
            yield field.full_name, missing


def _missing_of_message(field: FieldDescriptor) -> str:
    said = bounds.declared(field)
    if bounds.is_a(field, STRUCT):
        return "" if said.max_bytes and said.max_depth else "has no max_bytes and max_depth"
    if bounds.is_a(field, MASK):
        return "" if said.max_items and said.max_length else "has no max_items and max_length"
    ours = field.message_type is not None and not field.message_type.full_name.startswith("google.")
    return "" if ours or bounds.is_a(field, TIMESTAMP) else "is of a kind that bounds do not cover"
