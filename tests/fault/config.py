"""Settings of a fault run from the environment, and settings that the run passes to its service processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chassis.local.config import VARIABLES
from tests import config as tests_config

POINTS_VARIABLE = "FAULT_POINTS"
CLOCK_VARIABLE = "FAULT_CLOCK_S"


class ConfigError(Exception):
    """The run cannot start; the text is one line for the developer who started it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Which faults (all by default), how many tries of each, at how many requests a second."""

    only: tuple[str, ...] = ()
    tries: int = 1
    rate: float = 1_000.0
    clients: int = 1
    pauses: float = 1.0
    """Factor for long pauses (10, 60, 90 s); the short form uses a tenth."""
    keep: Path | None = None
    """Folder in which the processes' output is kept after the run; unset: not kept."""

    def pause_s(self, seconds: float) -> float:
        """The length of a long pause in this run."""
        return seconds * self.pauses


@dataclass(frozen=True, slots=True)
class Launched:
    """Settings that the run passes to a service process."""

    points: Path | None
    clock_s: float


def load() -> Settings:
    """Reads FAULT_ONLY (names and commas), FAULT_TRIES, FAULT_RATE, FAULT_CLIENTS, FAULT_PAUSES, FAULT_KEEP. ConfigError."""
    default = Settings()
    keep = os.environ.get("FAULT_KEEP", "")
    return Settings(
        only=tuple(os.environ.get("FAULT_ONLY", "").replace(",", " ").split()),
        tries=int(_number("FAULT_TRIES", default.tries, 1, 1_000)),
        rate=_number("FAULT_RATE", default.rate, 10, 100_000),
        clients=int(_number("FAULT_CLIENTS", default.clients, 1, 16)),
        pauses=_number("FAULT_PAUSES", default.pauses, 0.01, 10),
        keep=Path(keep) if keep else None,
    )


def launched() -> Launched:
    """Settings for `python -m tests.fault.process`."""
    points = os.environ.get(POINTS_VARIABLE, "")
    return Launched(Path(points) if points else None, float(os.environ.get(CLOCK_VARIABLE, "0")))


def environment() -> Mapping[str, str]:
    """Environment that a started process inherits: without the product's own settings."""
    ours = {*VARIABLES.values(), "WORKERS", *(f"{name.upper()}_WORKERS" for name in VARIABLES)}
    return {name: value for name, value in tests_config.load().environment.items() if name not in ours}


def _number(name: str, default: float, least: float, most: float) -> float:
    raw = os.environ.get(name, str(default))
    try:
        value = float(raw)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise ConfigError(f"{name}={raw} is not a number from {least:g} to {most:g}")
    return value
