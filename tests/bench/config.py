"""What a bench run reads from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


class ConfigError(Exception):
    """The bench cannot start; its text is one line for the person who started it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long, how often, and which rows; no rows means all."""

    seconds: float = 5.0
    rounds: int = 3
    rows: tuple[str, ...] = ()
    clients: int = 2
    connections: int = 1
    """Of each client, to gRPC servers."""
    skus: int = 10_000
    long: bool = False

    @property
    def warm_up_s(self) -> float:
        """Load before the clock starts: connections, pools and caches fill."""
        return min(1.0, self.seconds / 2)


def load() -> Settings:
    """BENCH_SECONDS, BENCH_ROUNDS, BENCH_ROWS (names and commas), BENCH_CLIENTS, BENCH_CONNECTIONS, BENCH_LONG. ConfigError."""
    default = Settings()
    return Settings(
        seconds=_number("BENCH_SECONDS", default.seconds, 0.1, 600),
        rounds=int(_number("BENCH_ROUNDS", default.rounds, 1, 100)),
        rows=tuple(name for name in os.environ.get("BENCH_ROWS", "").replace(",", " ").split()),
        clients=int(_number("BENCH_CLIENTS", default.clients, 1, 64)),
        connections=int(_number("BENCH_CONNECTIONS", default.connections, 1, 64)),
        long=os.environ.get("BENCH_LONG", "0") not in ("", "0"),
    )


def _number(name: str, default: float, least: float, most: float) -> float:
    raw = os.environ.get(name, str(default))
    try:
        value = float(raw)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise ConfigError(f"{name}={raw} is not a number from {least:g} to {most:g}")
    return value
