"""House rule of SECURITY.md: every threat has a test, and every test that it names exists."""

from __future__ import annotations

import ast
import re

from tests.house import tree

DOCUMENT = "SECURITY.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROW = re.compile(r"^\| (?!---|Threat )(.+?) \|.*$")


def test_every_threat_has_a_test() -> None:
    broken = [
        f"{DOCUMENT}:{number}: {row[1]}"
        for number, line in enumerate(tree.text(DOCUMENT).splitlines(), 1)
        if (row := ROW.match(line)) and not NAMED.search(line)
    ]
    tree.holds("name the test that shows it", broken)


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(tree.text(DOCUMENT))
    assert named, f"{DOCUMENT} names tests"
    broken = [f"{DOCUMENT}: {path}::{name}" for path, name in named if name not in _tests_in(path)]
    tree.holds("a test was renamed or removed", broken)


def _tests_in(path: str) -> set[str]:
    if path not in tree.files(".py"):
        return set()
    return {
        node.name for node in ast.walk(tree.module(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
