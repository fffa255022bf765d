"""What is available of a sku, as inventory tells it level by level. The newest version of a level counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LevelFact:
    """One version of one sku's level in one location. `available` below zero: more was promised than is there."""

    sku: str
    location: str
    available: int
    version: int


@dataclass(frozen=True, slots=True)
class Change:
    """Units of a sku in all locations together, before and after some facts; None before the first."""

    sku: str
    before: int | None
    after: int

    @property
    def is_back(self) -> bool:
        """Nothing was there, or nobody knew; now something is."""
        return (self.before or 0) <= 0 < self.after


@dataclass(frozen=True, slots=True)
class Crossing:
    """A coupled promotion that stock holds back from now on, or no longer; `sku` is the one that has the fewest units."""

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
