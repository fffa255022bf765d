"""Availability of a sku, from inventory's events on each level. The newest version of a level counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LevelFact:
    """One version of one sku's level in one location. `available` below zero: more units are promised than exist."""

    sku: str
    location: str
    available: int
    version: int


@dataclass(frozen=True, slots=True)
class Change:
    """Units of a sku in all locations together, before and after a batch of facts; `before` is None if unknown."""

    sku: str
    before: int | None
    after: int

    @property
    def is_back(self) -> bool:
        """True when units went from zero or unknown to above zero."""
        return (self.before or 0) <= 0 < self.after


@dataclass(frozen=True, slots=True)
class Crossing:
    """A coupled promotion that stock now suspends or resumes; `sku` is the coupled sku with the fewest units."""

    promotion_id: str
    suspended: bool
    sku: str
    available: int


def newest(facts: Iterable[LevelFact]) -> list[LevelFact]:
    """One fact per level, the one of its highest version, by sku and location."""
    levels: dict[tuple[str, str], LevelFact] = {}
    for fact in facts:
        known = levels.setdefault((fact.sku, fact.location), fact)
        if fact.version > known.version:
            levels[fact.sku, fact.location] = fact
    return [levels[key] for key in sorted(levels)]
