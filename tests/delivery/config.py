"""Settings of a delivery proof, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Duration of the orders per fault, and the chosen faults: those whose name contains `only`."""

    seconds: float
    only: str


def load() -> Settings:
    """Reads DELIVERY_SECONDS, DELIVERY_ONLY."""
    return Settings(float(os.environ.get("DELIVERY_SECONDS", "12")), os.environ.get("DELIVERY_ONLY", ""))
