"""What a delivery proof reads from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How long orders come in per fault, and which faults: those whose name holds `only`."""

    seconds: float
    only: str


def load() -> Settings:
    """DELIVERY_SECONDS, DELIVERY_ONLY."""
    return Settings(float(os.environ.get("DELIVERY_SECONDS", "12")), os.environ.get("DELIVERY_ONLY", ""))
