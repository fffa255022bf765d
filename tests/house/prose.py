"""Finds the prose of the tracked tree: comments, docstrings, messages, documents. Code and quoted code are left out."""

from __future__ import annotations

import functools
import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from tests.house import tree

COMMENTS = {".proto": "//", ".sql": "--", ".lua": "--", ".yaml": "#", ".yml": "#", ".toml": "#", ".sh": "#"}
SQL = re.compile(r"\b(SELECT|UPDATE|INSERT INTO|DELETE FROM|CREATE|ALTER|FROM \w+ WHERE)\b")
QUOTED = re.compile(r"`[^`\n]*`|https?://\S+|\{[^{}]*\}")
WORDS_MIN = 3
"""A string literal with fewer words is a name or a code, not a sentence."""


class Passage(NamedTuple):
    """Lines of prose that belong together, and the position of the first one."""

    path: str
    line: int
    text: str
    opens: bool = False
    """A docstring or the comment above a proto's declaration, which begins a new text."""


@functools.cache
def passages() -> tuple[Passage, ...]:
    """Every passage of every tracked text file that is not generated."""
    return tuple(_passages())


def _passages() -> Iterator[Passage]:
    for path in tree.files():
        suffix = path[path.rfind(".") :] if "." in path.rsplit("/", 1)[-1] else path.rsplit("/", 1)[-1]
        if suffix == ".py":
            yield from _of_python(path)
        elif suffix == ".md":
            yield from _of_markdown(path)
        elif suffix in COMMENTS or suffix == "Makefile":
            yield from _of_comments(path, COMMENTS.get(suffix, "#"))


def _of_python(path: str) -> Iterator[Passage]:
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(tree.text(path)).readline):
        kind = token.type
        if kind == tokenize.COMMENT:
            yield Passage(path, token.start[0], _plain(token.string.lstrip("# ")))
        elif kind == tokenize.STRING or tokenize.tok_name[kind] == "FSTRING_MIDDLE":
            statement = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.NL)
            opens = statement and '"""' in token.string
            text = _plain(re.sub(r"^\w*(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')$", "", token.string))
            if opens or (len(text.split()) >= WORDS_MIN and not SQL.search(text)):
                yield Passage(path, token.start[0], text, opens)
        if kind not in (tokenize.COMMENT, tokenize.NL):
            before = kind


def _of_markdown(path: str) -> Iterator[Passage]:
    fenced = False
    for number, line in enumerate(tree.text(path).splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and line.strip():
            yield Passage(path, number, _plain(line.strip(" #*>|-")))


def _of_comments(path: str, mark: str) -> Iterator[Passage]:
    first, lines = 0, list[str]()
    for number, line in enumerate([*tree.text(path).splitlines(), ""], 1):
        comment = line.strip().startswith(mark)
        if comment:
            first = first or number
            lines.append(line.strip().lstrip(mark + " "))
        elif lines:
            yield Passage(path, first, _plain(" ".join(lines)), opens=mark == "//")
            first, lines = 0, []


def _plain(text: str) -> str:
    """One line without quoted code."""
    return " ".join(QUOTED.sub("CODE", text).split())
