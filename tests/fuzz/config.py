"""What a fuzz run reads from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

DEFAULT_SECONDS = 600.0
"""The long form, for each side."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long each side goes on, and the seed of everything that chance decides."""

    seconds: float
    seed: int


def load() -> Settings:
    """FUZZ_SECONDS, FUZZ_SEED."""
    return Settings(float(os.environ.get("FUZZ_SECONDS", str(DEFAULT_SECONDS))), int(os.environ.get("FUZZ_SEED", "1")))
