"""`make sim-mutations`: removes each safeguard, one at a time, and shows which seed then fails."""

from __future__ import annotations

import gc
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from tests.sim.mutations import ALL
from tests.sim.scenario import play

MOST_SEEDS = 8_000
CLEAN_EVERY = 200


def first_red(number: int, most: int = MOST_SEEDS) -> tuple[int, str] | None:
    """The first seed that shows that the safeguard is missing, and how; None if none of `most` does."""
    gc.disable()
    for seed in range(most):
        outcome = play(seed, ALL[number])
        if outcome.violations:
            return seed, outcome.violations[0]
        if seed % CLEAN_EVERY == 0:
            gc.collect()
    return None


def main() -> int:
    """Prints a line per safeguard; 1 if the removal of one goes unnoticed."""
    green = 0
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        for mutation, red in zip(ALL, pool.map(first_red, range(len(ALL))), strict=True):
            if red is not None:
                print(f"red at seed {red[0]:>5}   {mutation.name:<56} {red[1]}", flush=True)
                continue
            print(f"GREEN               {mutation.name:<56} no seed shows that it is needed", flush=True)
            green += 1
    return 1 if green else 0


if __name__ == "__main__":
    sys.exit(main())
