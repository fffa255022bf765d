"""House rules of Lua files: one atomic operation each, opened by its contract."""

from __future__ import annotations

import re

from tests.house import tree

LUA_LINES = 120
"""reserve.lua needs 111: it must read and decide everything before its first write, which is one step."""
CONTRACT = ("Purpose", "KEYS", "ARGV", "Returns", "Keeps", "Cost")


def test_lua_files_stay_small_enough_to_be_read_whole() -> None:
    long = [(path, tree.text(path).count("\n")) for path in tree.files(".lua")]
    tree.holds(
        "one atomic operation per file", [f"{path}:1: {lines} lines" for path, lines in long if lines > LUA_LINES]
    )


def test_every_lua_file_opens_with_its_contract() -> None:
    broken = []
    for path in tree.files(".lua"):
        said = re.findall(r"^-- (\w+): +\S", _header(path), re.MULTILINE)
        if tuple(word for word in said if word in CONTRACT) != CONTRACT:
            broken.append(f"{path}:1: has {said}, not {', '.join(CONTRACT)}")
    tree.holds("open with the contract", broken)


def test_lua_files_are_named_by_a_verb_in_one_place() -> None:
    broken = [path for path in tree.files(".lua") if not re.fullmatch(r"[a-z_]+/(?:[a-z_]+/)?lua/[a-z_]+\.lua", path)]
    tree.holds("one word in a lua/ folder", [f"{path}:1" for path in broken])


def _header(path: str) -> str:
    """The comment lines at the top, after a shebang with flags."""
    header = re.match(r"(?:#!lua[^\n]*\n)?((?:--[^\n]*\n)+)", tree.text(path))
    return header[1] if header else ""
