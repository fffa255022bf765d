"""Settings of a push bench, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The rate of changes, and the numbers of followers."""

    per_s: int = 1_000
    seconds: float = 10.0
    clients: int = 100
    endpoints: int = 100
    skus: int = 1_000
    idle_seconds: float = 20.0


def load() -> Settings:
    """Reads PUSH_PER_S, PUSH_SECONDS, PUSH_CLIENTS, PUSH_ENDPOINTS, PUSH_IDLE_SECONDS."""
    default = Settings()
    return Settings(
        per_s=int(os.environ.get("PUSH_PER_S", default.per_s)),
        seconds=float(os.environ.get("PUSH_SECONDS", default.seconds)),
        clients=int(os.environ.get("PUSH_CLIENTS", default.clients)),
        endpoints=int(os.environ.get("PUSH_ENDPOINTS", default.endpoints)),
        idle_seconds=float(os.environ.get("PUSH_IDLE_SECONDS", default.idle_seconds)),
    )
