"""House rules of error reasons: each is documented once, in an ErrorReason enum, and none is invented in code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import grpc

from tests.house import tree

REASON_ARGUMENT = {
    "FieldViolation": 1,
    "Problem": 1,
    "ServiceError": 1,
    "invalid": 1,
    "refused": 1,
    "unauthenticated": 0,
    "unavailable": 0,
}
"""Functions that take a reason by position."""
HTTP_ONLY = "edge/problems.py", "edge/app.py", "edge/call.py", "edge/front/refusals.py"
"""Files that may use reasons of HTTP itself, which no gRPC error has; edge/README.md lists those."""
CODES = {code.name for code in grpc.StatusCode}
ENTRY = re.compile(r"((?: *//[^\n]*\n)*) *ERROR_REASON_(\w+) = \d+")


def test_every_reason_is_documented_with_its_code() -> None:
    broken = []
    for path in _enums():
        for comment, name in ENTRY.findall(tree.text(path)):
            code = re.match(r"\s*// ([A-Z_]+)\b", comment)
            if name != "UNSPECIFIED" and (code is None or code[1] not in CODES):
                broken.append(f"{path}:{_line_of(path, name)}: {name}")
    tree.holds("its comment opens with the gRPC code", broken)


def test_no_reason_is_documented_twice() -> None:
    seen: dict[str, str] = {"UNSPECIFIED": ""}
    broken = []
    for path in _enums():
        for _, name in ENTRY.findall(tree.text(path)):
            if name != "UNSPECIFIED" and name in seen:
                broken.append(f"{path}:{_line_of(path, name)}: {name} is also in {seen[name]}")
            seen.setdefault(name, path)
    tree.holds("one home per reason", broken)


def test_every_reason_that_code_gives_is_documented() -> None:
    known = {name for path in _enums() for _, name in ENTRY.findall(tree.text(path))}
    http = set(re.findall(r"`([A-Z_]+)`", tree.text("edge/README.md")))
    broken = []
    for path, line, reason in _given():
        if reason not in known and not (path in HTTP_ONLY and reason in http):
            broken.append(f"{path}:{line}: {reason}")
    tree.holds("document it in an ErrorReason enum", broken)


def _enums() -> tuple[str, ...]:
    return tree.files("error_reason.proto")


def _line_of(path: str, name: str) -> int:
    before, _, _ = tree.text(path).partition(f"ERROR_REASON_{name} ")
    return before.count("\n") + 1


def _given() -> Iterator[tuple[str, int, str]]:
    """Every literal reason of the product: path, line, reason."""
    for path, node in tree.nodes(ast.Assign, ast.Compare, ast.Call):
        for value in _values(node) if tree.of_product(path) else ():
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                yield path, value.lineno, value.value


def _values(node: ast.Assign | ast.Compare | ast.Call) -> Iterator[ast.expr]:
    """The expressions of one node at the position of a reason."""
    if isinstance(node, ast.Assign):
        if any("reason" in _name(target).lower().split("_") for target in node.targets):
            yield node.value
    elif isinstance(node, ast.Compare):
        if _name(node.left) == "reason":
            yield from (each for side in node.comparators for each in getattr(side, "elts", [side]))
    elif (position := REASON_ARGUMENT.get(_name(node.func))) is not None:
        yield from node.args[position : position + 1]
        yield from (each.value for each in node.keywords if each.arg == "reason")


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
