"""The short form of `make sim` and `make sim-mutations`."""

from __future__ import annotations

import pytest

from tests.sim.__main__ import CHUNK, Totals, play_many
from tests.sim.mutations import ALL
from tests.sim.scenario import play

SEEDS = 2_500
REPEATED = 20
QUICK_TO_TURN_RED = 300
"""Seeds within which most mutations fail; `make sim-mutations` runs the thousands that the others need."""
RARE = {
    "the snapshot is taken under the lock (10)",
    "an epoch flushed while loading is not published (10)",
    "the watch sees another run of the server (10)",
    "the take's token, in give.lua (7)",
    "committed: another take is given back (9)",
}


def test_no_seed_breaks_an_invariant_and_every_recovery_path_is_taken() -> None:
    totals = Totals()
    for first in range(0, SEEDS, CHUNK):
        totals.add(play_many(first, CHUNK))
    assert [(outcome.seed, outcome.violations) for outcome in totals.failed] == []
    assert totals.never_taken() == []


def test_a_seed_plays_the_same_every_time() -> None:
    for seed in range(REPEATED):
        told: list[list[str]] = [[], []]
        for lines in told:
            play(seed, trace=lines.append)
        assert told[0] == told[1]


@pytest.mark.parametrize("number", [number for number, one in enumerate(ALL) if one.name not in RARE])
def test_the_simulation_turns_red_without_a_safeguard(number: int) -> None:
    assert any(play(seed, ALL[number]).violations for seed in range(QUICK_TO_TURN_RED)), ALL[number].name
