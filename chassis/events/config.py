"""The settings of events: the broker that carries them, and the form in which they travel."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from chassis import config as settings
from chassis.config import ConfigError
from chassis.events import connection
from chassis.events.event import JSON, PROTOBUF, ContentType


def broker_url() -> str:
    """BROKER_URL: the broker that carries events between services, see `chassis.events.connection.connect`. ConfigError.

    By default Redis Streams in database 1 of the gate's server, so that streams never share the gate's keys.
    """
    url = settings.text("BROKER_URL", "") or urlunsplit((*urlsplit(settings.gate_url())[:2], "/1", "", ""))
    if url.partition("://")[0] not in connection.SCHEMES:
        raise ConfigError(f"BROKER_URL must start with one of {', '.join(f'{one}://' for one in connection.SCHEMES)}")
    return url


def content_type() -> ContentType:
    """EVENTS_FORMAT: `protobuf`, or `json` for consumers that cannot read protobuf. The product's consumers read both.
    ConfigError."""
    format_ = settings.text("EVENTS_FORMAT", "protobuf")
    if format_ not in ("protobuf", "json"):
        raise ConfigError(f"EVENTS_FORMAT={format_} is neither protobuf nor json")
    return PROTOBUF if format_ == "protobuf" else JSON
