"""The tracked tree as the house rules see it: files, parsed modules, and the report of a broken rule."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from chassis import services

ROOT = Path(__file__).resolve().parents[2]
SERVICES = tuple(sorted(service.package for service in services.SERVICES))
PRODUCT = ("chassis", *SERVICES, "edge")
GENERATED = "gen/"
Node = TypeVar("Node", bound=ast.AST)
NEVER_OURS = {".git", ".venv", ".local", "build", "__pycache__"}


@functools.cache
def files(suffix: str = "") -> tuple[str, ...]:
    """Paths from the root of all tracked files with this ending, without generated ones."""
    return tuple(path for path in _tracked() if path.endswith(suffix) and not path.startswith(GENERATED))


@functools.cache
def generated() -> tuple[str, ...]:
    """Paths from the root of all tracked files below gen/."""
    return tuple(path for path in _tracked() if path.startswith(GENERATED))


@functools.cache
def text(path: str) -> str:
    """The text of a file; invalid UTF-8 bytes are read as U+FFFD."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


@functools.cache
def module(path: str) -> ast.Module:
    """A parsed Python file."""
    return ast.parse(text(path))


@functools.cache
def nodes(*kinds: type[Node]) -> tuple[tuple[str, Node], ...]:
    """Every node of these kinds in every Python file, with the file's path."""
    return tuple((path, node) for path in files(".py") for node in _walk(path) if isinstance(node, kinds))


@functools.cache
def _walk(path: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(module(path)))


def of_product(path: str) -> bool:
    """Whether the file is one that runs in production, not a test of it."""
    return path.split("/")[0] in PRODUCT


def holds(rule: str, broken: Iterable[str]) -> None:
    """Fails with one line per violation; each line begins with `path:line`."""
    places = sorted(broken)
    assert not places, "\n".join([f"{rule}:", *places])


@functools.cache
def _tracked() -> tuple[str, ...]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git as installed
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):  # a copy without its history
        return tuple(sorted(_walked()))
    return tuple(sorted(path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()))


def _walked() -> Iterator[str]:
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and not NEVER_OURS & set(parts):
            yield "/".join(parts)
