"""`make sim`: many seeds on all cores; a single seed is traced step by step."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from tests.sim import config
from tests.sim.scenario import Outcome, play

CHUNK = 250
"""Seeds per task of a worker; memory is cleaned after each."""
PATHS = (
    "journal refused: Stale",
    "journal refused: Refusal",
    "duplicate answered by the gate",
    "duplicate after a rebuild",
    "tombstone",
    "tombstone beat a late write",
    "late duplicate after a commit given back",
    "sweeper gave back",
    "adjustment applied late",
    "adjustment counted by a rebuild",
    "give skipped: a rebuild has counted it",
    "give postponed: the gate is behind",
    "publish refused",
    "a restored journal noticed by its mark",
)
"""Recovery paths that a run must take at least once: stale batch, guard, duplicates, tombstones and the rest."""


@dataclass
class Totals:
    """The result of a run of seeds."""

    seeds: int = 0
    operations: int = 0
    steps: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def add(self, other: Totals) -> None:
        """Adds another part of the run."""
        self.seeds += other.seeds
        self.operations += other.operations
        self.steps += other.steps
        self.tally.update(other.tally)
        self.paths.update(other.paths)
        self.failed += other.failed

    def never_taken(self) -> list[str]:
        """Recovery paths that this run did not take."""
        return [path for path in PATHS if not self.paths[path]]


def play_many(first: int, count: int) -> Totals:
    """Plays seeds one after the other."""
    totals = Totals()
    gc.disable()  # a collection at a random moment would cost more than it gains
    try:
        for seed in range(first, first + count):
            outcome = play(seed)
            part = Totals(1, outcome.operations, outcome.steps, outcome.tally, outcome.paths)
            part.failed = [outcome] if outcome.violations else []
            totals.add(part)
    finally:
        gc.enable()
        gc.collect()
    return totals


def play_on_all_cores(first: int, count: int, within_s: float | None) -> Totals:
    """Plays seeds in worker processes, until `count` or `within_s` is reached."""
    totals = Totals()
    started = time.monotonic()
    cores = os.cpu_count() or 1
    chunks: Iterator[tuple[int, int]] = (
        (at, min(CHUNK, first + count - at)) for at in range(first, first + count, CHUNK)
    )
    with ProcessPoolExecutor(cores) as pool:
        while batch := list(islice(chunks, 4 * cores)):
            for part in pool.map(play_many, *zip(*batch, strict=True)):
                totals.add(part)
            if within_s is not None and time.monotonic() - started > within_s:
                break
    return totals


def main() -> int:
    """Runs the seeds that the environment names; 1 if an invariant was violated or a recovery path was never taken."""
    wanted = config.load()
    if wanted.seeds == 1:
        outcome = play(wanted.first, trace=print)
        print(*outcome.violations or ["no violation"], sep="\n")
        return 1 if outcome.violations else 0
    started = time.monotonic()
    totals = play_on_all_cores(wanted.first, wanted.seeds, wanted.within_s)
    _report(totals, time.monotonic() - started)
    return 1 if totals.failed or totals.never_taken() else 0


def _report(totals: Totals, seconds: float) -> None:
    print(f"seeds       {totals.seeds:>12,}   {totals.seeds / seconds:,.0f}/s")
    print(f"operations  {totals.operations:>12,}")
    print(f"steps       {totals.steps:>12,}")
    for title, counts in (("faults", totals.tally), ("recovery paths", totals.paths)):
        print(title)
        for name, times in counts.most_common():
            print(f"  {name:<48}{times:>12,}")
    for path in totals.never_taken():
        print(f"never taken: {path}")
    print(f"violations  {len(totals.failed):>12,}")
    for outcome in totals.failed[:10]:
        print(f"  seed {outcome.seed}: {outcome.violations[0]}")
        print(f"    SEEDS=1 SEED_START={outcome.seed} make sim")


if __name__ == "__main__":
    sys.exit(main())
