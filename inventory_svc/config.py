"""The inventory service's settings."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import config


@dataclass(frozen=True)
class Settings:
    """Read once, in the composition root."""

    address: str
    database_url: str
    gate_url: str
    stream_url: str


def load() -> Settings:
    """ConfigError when a setting is missing or wrong."""
    return Settings(
        address=config.address("inventory"),
        database_url=config.database_url("inventory"),
        gate_url=config.gate_url(),
        stream_url=config.stream_url(),
    )
