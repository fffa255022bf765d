"""Text of visible characters only: with invisible ones, one customer could count as several."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Unicode categories: control, format (zero width, direction), line and paragraph separators. Surrogates are not text."""
INVISIBLE = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
"""Letters and marks that Unicode renders as nothing: joiners, fillers, variation selectors."""
PLANES = (*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE1000))
"""The planes with such characters: checking all of Unicode would add a third of a second to every start."""


def pattern() -> str:
    """A regular expression for a whole text, possibly empty, that neither begins nor ends with white space."""
    hidden = {number for first, last in INVISIBLE for number in range(first, last + 1)}
    blanks = set()
    for number in PLANES:
        if unicodedata.category(chr(number)) in UNSEEN:
            hidden.add(number)
        elif chr(number).isspace():
            blanks.add(number)
    inside, ends = _but(hidden), _but(hidden | blanks)
    return f"(?:{ends}(?:{inside}*{ends})?)?"


def _but(numbers: Iterable[int]) -> str:
    return "[^" + "".join(_written(first, last) for first, last in _runs(sorted(numbers))) + "]"


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last


def _written(first: int, last: int) -> str:
    ends = [f"\\u{number:04x}" if number < 0x10000 else chr(number) for number in (first, last)]
    return ends[0] if first == last else "-".join(ends)
