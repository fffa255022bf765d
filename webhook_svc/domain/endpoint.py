"""An endpoint: its URL, the events that it wants, its health and its secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

DEFAULT_IN_FLIGHT = 4
"""Requests at once: a receiver that takes 50 ms gets 80 events a second, and one that hangs holds four connections."""
MOST_IN_FLIGHT = 32
OLD_SECRET = timedelta(hours=24)
"""A replaced secret still signs for this long: time to deploy the new one."""
MOST_SECRETS = 4
"""Each secret signs every delivery; with more rotations within a day the oldest is dropped."""


class DisabledReason(Enum):
    """Why an endpoint is disabled."""

    NONE = ""
    BY_CALLER = "BY_CALLER"
    GONE = "GONE"
    FAILING = "FAILING"


@dataclass(frozen=True, slots=True)
class Wishes:
    """The settings that the caller chooses."""

    url: str
    topics: tuple[str, ...]
    keys: tuple[str, ...] = ()
    description: str = ""
    ordered: bool = False
    max_in_flight: int = DEFAULT_IN_FLIGHT

    def wants_type(self, type_: str) -> bool:
        """Whether one of the topics matches this type."""
        return any(_stands_for(topic, type_) for topic in self.topics)

    def wants(self, type_: str, key: str) -> bool:
        """Whether events of this type and key are sent to the endpoint."""
        return (not self.keys or key in self.keys) and self.wants_type(type_)


def _stands_for(topic: str, type_: str) -> bool:
    if topic.endswith(".*"):
        return type_.startswith(topic[:-1])
    return topic in ("*", type_)


@dataclass(frozen=True, slots=True)
class Health:
    """The health of an endpoint. `failing_since` is the time of the first failure after the last success."""

    enabled: bool = True
    reason: DisabledReason = DisabledReason.NONE
    disable_time: datetime | None = None
    failing_since: datetime | None = None
    rest_until: datetime | None = None
    """The endpoint asked for a pause: nothing is sent before this time."""

    def accepts(self, now: datetime) -> bool:
        """Whether deliveries may be sent now."""
        return self.enabled and (self.rest_until is None or self.rest_until <= now)


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret in the form that its owner has; `expire_time` is set once it is replaced."""

    text: str = field(repr=False)
    expire_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A stored endpoint. `secrets` starts with the newest; `revision` orders all changes of all endpoints."""

    endpoint_id: str
    wishes: Wishes
    health: Health
    secrets: tuple[Secret, ...] = field(repr=False)
    version: int
    revision: int
    create_time: datetime
    update_time: datetime
    deleted: bool = False

    def signing(self, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first."""
        return [one.text for one in self.secrets if one.expire_time is None or one.expire_time > now]


def rotated(secrets: Sequence[Secret], fresh: str, now: datetime) -> tuple[Secret, ...]:
    """The secrets after a rotation: the current one expires in a day, expired ones are dropped."""
    living = [one for one in secrets if one.expire_time is None or one.expire_time > now]
    old = [one if one.expire_time else replace(one, expire_time=now + OLD_SECRET) for one in living]
    return (Secret(fresh), *old)[:MOST_SECRETS]


def switched(health: Health, enabled: bool, now: datetime) -> Health:
    """The health after a caller enables or disables the endpoint. Re-enabling clears the failure history."""
    if enabled:
        return health if health.enabled else Health()
    return (
        replace(health, enabled=False, reason=DisabledReason.BY_CALLER, disable_time=now) if health.enabled else health
    )
