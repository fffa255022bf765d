"""Basket lines: merging lines of the same sku and locations, so that no unit is counted twice."""

from __future__ import annotations

from dataclasses import dataclass, replace

DEFAULT_TTL_S = 900
"""Lifetime of a reservation when the request gives none."""


@dataclass(frozen=True, slots=True)
class BasketLine:
    """`quantity` units of a sku from one of `locations` in that order; empty means any. `index` is its place in the request."""

    index: int
    sku: str
    quantity: int
    locations: tuple[str, ...] = ()
    allow_split: bool = False


def merge(lines: list[BasketLine]) -> list[BasketLine]:
    """Lines of one sku with the same locations become one, at the place of the first."""
    if len(lines) == 1:
        return lines
    merged: dict[tuple[str, tuple[str, ...], bool], BasketLine] = {}
    for line in lines:
        same = (line.sku, line.locations, line.allow_split)
        first = merged.get(same)
        merged[same] = line if first is None else replace(first, quantity=first.quantity + line.quantity)
    return list(merged.values())


def canonical(lines: list[BasketLine], owner: str, ttl_s: int = DEFAULT_TTL_S) -> str:
    """The text that is hashed to a fingerprint: the same for the same basket, whatever the order of its lines."""
    parts = sorted(f"{line.sku}*{line.quantity}@{','.join(line.locations)}/{line.allow_split:d}" for line in lines)
    # The default time to live adds nothing, so reservations of earlier releases keep their fingerprint.
    return "\n".join([owner, *parts, *([] if ttl_s == DEFAULT_TTL_S else [f"+{ttl_s}s"])])
