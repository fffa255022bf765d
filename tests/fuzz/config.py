"""Settings of a fuzz run, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

DEFAULT_SECONDS = 600.0
"""The long form, for each side."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The duration of each side, and the seed of all random choices."""

    seconds: float
    seed: int


def load() -> Settings:
    """Reads FUZZ_SECONDS, FUZZ_SEED."""
    return Settings(float(os.environ.get("FUZZ_SECONDS", str(DEFAULT_SECONDS))), int(os.environ.get("FUZZ_SEED", "1")))
