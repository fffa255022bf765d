"""The inventory service's settings."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import config
from chassis.events import config as events
from chassis.events.event import ContentType


@dataclass(frozen=True)
class Settings:
    """Read once, in the composition root."""

    address: str
    database_url: str
    gate_url: str
    broker_url: str
    events_content_type: ContentType


def load() -> Settings:
    """Raises ConfigError when a setting is missing or wrong."""
    return Settings(
        address=config.listening_address("inventory"),
        database_url=config.database_url("inventory"),
        gate_url=config.gate_url(),
        broker_url=events.broker_url(),
        events_content_type=events.content_type(),
    )
