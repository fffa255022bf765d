"""Settings of promo_svc, read once at start."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import config


@dataclass(frozen=True)
class Settings:
    """Where promo_svc listens and what it stands on."""

    address: str
    database_url: str
    gate_url: str
    stream_url: str


def load() -> Settings:
    """ConfigError when a setting is missing or wrong."""
    return Settings(
        address=config.address("promo"),
        database_url=config.database_url("promo"),
        gate_url=config.gate_url(),
        stream_url=config.stream_url(),
    )
