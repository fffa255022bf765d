"""House rule of settings: docs/operations/settings.md names every variable that the product reads, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from chassis import services
from tests.house import tree

TABLE = "docs/operations/settings.md"
NAME = re.compile(r"[A-Z][A-Z0-9_]{3,}")
SERVICES = tuple(name.upper() for name in services.NAMES)
FAMILIES = {
    "_ADDRESS": ("EDGE", *SERVICES),
    "_METRICS_ADDRESS": ("EDGE", *SERVICES),
    "_WORKERS": ("EDGE", *SERVICES),
    "_CONNECTIONS": SERVICES,
}
"""Endings of names that are composed with a process's name, and the processes that have one."""


def test_the_table_of_settings_names_what_is_read_and_nothing_else() -> None:
    read, told = dict(_read()), dict(_told())
    tree.holds(f"write it into {TABLE}", [f"{at}: {name}" for name, at in read.items() if name not in told])
    tree.holds("nothing reads it", [f"{at}: {name}" for name, at in told.items() if name not in read])


def test_no_setting_is_told_of_twice() -> None:
    names = [name for name, _ in _told()]
    tree.holds("once is enough", {f"{TABLE}:1: {name}" for name in names if names.count(name) > 1})


def test_each_setting_has_a_default_a_meaning_and_a_reader() -> None:
    rows = [(number, line) for number, line in _lines() if line.startswith("| `")]
    broken = [number for number, line in rows if [cell.strip() for cell in line.split("|")].count("") != 2]
    tree.holds("fill all four columns", [f"{TABLE}:{number}" for number in broken])


def test_every_readme_that_speaks_of_settings_leads_to_the_table() -> None:
    """A second list would soon differ."""
    broken = []
    for path in [
        path for path in tree.files("README.md") if not path.startswith("tests/")
    ]:  # programs with their own options
        lists = re.search(r"^\| `[A-Z]+_[A-Z_]+`", tree.text(path), re.MULTILINE)
        headed = re.search(r"^## Settings", tree.text(path), re.MULTILINE)
        if lists or (headed and TABLE not in tree.text(path)):
            broken.append(f"{path}:1")
    tree.holds(f"link to {TABLE} instead of repeating it", broken)


def _read() -> Iterator[tuple[str, str]]:
    """Every name that a config.py of the product contains as a text, whole or as an ending; and its position."""
    for path, node in tree.nodes(ast.Constant, ast.JoinedStr):
        if not tree.of_product(path) or not path.endswith("/config.py"):
            continue
        at = f"{path}:{node.lineno}"
        if isinstance(node, ast.JoinedStr):
            ending = node.values[-1]
            made = len(node.values) == 2 and isinstance(node.values[0], ast.FormattedValue)
            said = str(ending.value) if isinstance(ending, ast.Constant) else ""
            if made and re.fullmatch(r"_[A-Z_]+", said):
                yield from ((f"{process}{said}", at) for process in FAMILIES[said])
        elif isinstance(node.value, str) and NAME.fullmatch(node.value):
            yield node.value, at


def _told() -> Iterator[tuple[str, str]]:
    for number, line in _lines():
        if line.startswith("| `"):
            yield from ((name, f"{TABLE}:{number}") for name in re.findall(r"`([A-Z0-9_]+)`", line.split("|")[1]))


def _lines() -> Iterator[tuple[int, str]]:
    yield from enumerate(tree.text(TABLE).splitlines(), 1)
