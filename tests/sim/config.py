"""Settings of `make sim` and `make sim-mutations`: SEEDS and SEED_START."""

from __future__ import annotations

import os
from dataclasses import dataclass

DEFAULT_SEEDS = 20_000
DEFAULT_WITHIN_S = 100.0
"""Without SEEDS a run ends within two minutes, however slow the machine is."""


@dataclass(frozen=True)
class Wanted:
    """Seeds from `first` on; `within_s` bounds a run without a number of seeds."""

    seeds: int
    first: int
    within_s: float | None


def load() -> Wanted:
    """Reads the environment."""
    given = os.environ.get("SEEDS")
    first = int(os.environ.get("SEED_START", "0"))
    if given is None:
        return Wanted(DEFAULT_SEEDS, first, DEFAULT_WITHIN_S)
    return Wanted(int(given), first, None)
