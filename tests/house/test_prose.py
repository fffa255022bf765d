"""House rules of language: plain technical English, for readers of many mother tongues (`CONTRIBUTING.md`, Words).

Each pattern has been wrong often enough to become a rule. The advice says what to write instead.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.house import prose, tree

HEADLESS = (
    r"(?:^|\(|[.;:]\s+|\b(?:for|of|by|to|from|than|with|and|but|or|as|is|are|that|lets?|makes?|serves|asks|finds|only)\s+)"
    r"[Ww]ho\b(?! (?:may|can) do what)"
)


class Pattern(NamedTuple):
    """A pattern that no sentence may match, and its replacement."""

    name: str
    expression: re.Pattern[str]
    instead: str
    only_opening: bool = False


PATTERNS = (
    Pattern("headless who", re.compile(HEADLESS), "name the subject: 'callers that ...', 'a customer who ...'"),
    Pattern(
        "is no",
        re.compile(r"(?<!there )(?<!There )\b(?:is|are|was|were) no(?:ne)?\b(?! longer| more than| later than| other)"),
        "'is not a ...', 'has no ...'",
    ),
    Pattern(
        "so many", re.compile(r"\b[Ss]o (?:many|long|often)\b(?! as)"), "give the number, or 'this long', 'how many'"
    ),
    Pattern(
        "told",
        re.compile(r"\b[Tt](?:ell|ells|old|elling)\b(?! (?:\S+ )?apart)"),
        "'reports', 'emits', 'notifies', 'shows'",
    ),
    Pattern("answers", re.compile(r"(?:^|[;:.]\s+)[Aa]nswers (?!to\b|are\b)"), "'returns'", only_opening=True),
    Pattern(
        "what opens", re.compile(r"^(?:What|Who)\b(?!.*\?)"), "name the thing: 'The fields that ...'", only_opening=True
    ),
    Pattern("goes on", re.compile(r"\b[Gg]o(?:es|ing)? on\b(?! to\b)"), "'continues', 'resumes'"),
    Pattern("hears", re.compile(r"\b[Hh]ear(?:s|d|ing)?\b"), "'is notified', 'receives', 'learns'"),
    Pattern("rests", re.compile(r"\brests\b(?! on\b)"), "'is idle', 'pauses'"),
    Pattern("anew", re.compile(r"\banew\b|\b[Ww]ho(?:ever|mever)\b"), "'again', 'any caller that ...'"),
)
OURSELVES = "tests/house/test_prose.py"
"""Quotes what it refuses."""


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name.replace(" ", "_"))
def test_no_sentence_holds_a_refused_pattern(pattern: Pattern) -> None:
    broken = [
        f"{one.path}:{one.line}: {found.group().strip()!r} in: {one.text[:120]}"
        for one in prose.passages()
        if one.path != OURSELVES and (one.opens or not pattern.only_opening)
        if (found := pattern.expression.search(one.text)) is not None
    ]
    tree.holds(f"write {pattern.instead}", broken)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Waits for who comes late.", "headless who"),
        ("(who is too much waits at its own end)", "headless who"),
        ("X is no event", "is no"),
        ("At most so many, 1 to 1000", "so many"),
        ("how late changes are told", "told"),
        ("Answers how many it took.", "answers"),
        ("What a person asks for.", "what opens"),
        ("the saga goes on", "goes on"),
        ("clients hear of it", "hears"),
        ("the process rests meanwhile", "rests"),
        ("is made anew", "anew"),
    ],
)
def test_a_refused_pattern_is_found(text: str, name: str) -> None:
    pattern = next(one for one in PATTERNS if one.name == name)
    assert pattern.expression.search(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "A customer who has a code.",
        "Returns how many events were published.",
        "There is no lot.",
        "It is no longer needed.",
        "So long as the lease holds.",
        "Told apart by their ids.",
        "A table of who may do what.",
    ],
)
def test_ordinary_english_passes(text: str) -> None:
    assert [one.name for one in PATTERNS if one.expression.search(text) and "Told" not in text] == []
