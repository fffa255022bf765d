"""The always-on audit in the simulator: only it detects a gate that drifted, and it finds nothing without a drift."""

from __future__ import annotations

from tests.sim.drifting import play

SEEDS = 24


def test_a_gate_that_came_back_from_before_is_in_step_again_and_it_was_told() -> None:
    for seed in range(SEEDS):
        played = play(seed)
        assert played.violations == [], seed
        assert played.rebuilds >= 1, (seed, played)  # a rebuild whose messages are lost is retried
        assert played.told == {"inventory.audit.drift_found": 1}, (seed, played)


def test_without_the_audit_the_gate_stays_wrong() -> None:
    red = [seed for seed in range(SEEDS) if play(seed, audits=False).violations]
    assert len(red) == SEEDS


def test_without_drift_the_audit_never_has_the_gate_rebuilt() -> None:
    for seed in range(SEEDS):
        played = play(seed, drifts=False)
        assert (played.violations, played.rebuilds, played.told) == ([], 0, {}), seed
