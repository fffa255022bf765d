"""The duration of the state machine: `quick` in the gate, with the same steps every time; `long` for a night, with others."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

from tests import config


def chosen() -> settings:
    """Chosen by TEST_PROFILE. Only `long` shrinks failures: on real servers that takes minutes."""
    long = config.load().profile == "long"
    phases = (Phase.generate, Phase.shrink) if long else (Phase.generate,)
    return settings(
        max_examples=2_000 if long else 16,
        stateful_step_count=60 if long else 40,
        derandomize=not long,
        phases=phases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
