"""Settings of a siege, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


class ConfigError(Exception):
    """The siege cannot start; the text is one line for the developer who started it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Duration of each attack, and the chosen attacks: those whose name contains one of `only`. None means all."""

    seconds: float = 60.0
    only: tuple[str, ...] = ()


def load() -> Settings:
    """Reads SIEGE_SECONDS, SIEGE_ONLY (parts of names, separated by commas). ConfigError."""
    raw = os.environ.get("SIEGE_SECONDS", "60")
    try:
        seconds = float(raw)
    except ValueError:
        seconds = 0
    if not 0.5 <= seconds <= 600:
        raise ConfigError(f"SIEGE_SECONDS={raw} is not a number from 0.5 to 600")
    only = tuple(part.strip() for part in os.environ.get("SIEGE_ONLY", "").split(",") if part.strip())
    return Settings(seconds, only)
