"""Settings of promo_svc, read once at start."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import config
from chassis.events import config as events
from chassis.events.event import ContentType


@dataclass(frozen=True)
class Settings:
    """The address of promo_svc and of the servers that it uses."""

    address: str
    database_url: str
    gate_url: str
    broker_url: str
    events_content_type: ContentType


def load() -> Settings:
    """ConfigError when a setting is missing or wrong."""
    return Settings(
        address=config.listening_address("promo"),
        database_url=config.database_url("promo"),
        gate_url=config.gate_url(),
        broker_url=events.broker_url(),
        events_content_type=events.content_type(),
    )
