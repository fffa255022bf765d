"""Settings of webhook_svc, read once at start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from chassis import config
from chassis.events import config as events
from chassis.events.event import ContentType

MOST_GIVEN_UP_H = 24 * 30
"""Deliveries are deleted after thirty days, so a longer failure could not be detected."""


@dataclass(frozen=True)
class Settings:
    """The address of webhook_svc, the servers that it uses, and its rules for endpoints."""

    address: str
    database_url: str
    broker_url: str
    events_content_type: ContentType
    allow_private: bool
    """Endpoints may use http and private addresses: for development."""
    given_up_after: timedelta
    timeout_s: float


def load() -> Settings:
    """ConfigError when a setting is missing or wrong."""
    return Settings(
        address=config.listening_address("webhook"),
        database_url=config.database_url("webhooks"),
        broker_url=events.broker_url(),
        events_content_type=events.content_type(),
        allow_private=config.switch("WEBHOOK_ALLOW_PRIVATE"),
        given_up_after=timedelta(hours=config.whole("WEBHOOK_GIVEN_UP_AFTER_H", 72, 1, MOST_GIVEN_UP_H)),
        timeout_s=config.whole("WEBHOOK_TIMEOUT_MS", 15_000, 100, 30_000) / 1000,
    )
