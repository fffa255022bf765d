"""Settings of a bench run, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


class ConfigError(Exception):
    """The bench cannot start; the text is one line for the developer who started it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Duration, rounds and rows; no rows means all."""

    seconds: float = 5.0
    rounds: int = 3
    rows: tuple[str, ...] = ()
    clients: int = 2
    connections: int = 1
    """Connections of each client to gRPC servers."""
    skus: int = 10_000
    long: bool = False

    @property
    def warm_up_s(self) -> float:
        """Load before the clock starts: connections, pools and caches fill."""
        return min(1.0, self.seconds / 2)


def load() -> Settings:
    """Reads BENCH_SECONDS, _ROUNDS, _ROWS (names and commas), _CLIENTS, _CONNECTIONS, _LONG. ConfigError."""
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
