"""What an endpoint is: where it listens, what it asks for, how it fares, and what its secrets are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

DEFAULT_IN_FLIGHT = 4
"""Requests at once: a receiver that takes 50 ms hears of 80 events a second, and one that hangs holds four connections."""
MOST_IN_FLIGHT = 32
OLD_SECRET = timedelta(hours=24)
"""A secret that was replaced signs along for so long: time to deploy the new one."""
MOST_SECRETS = 4
"""Each signs every delivery; who rotates more often within a day loses the oldest."""


class DisabledReason(Enum):
    """Why nothing is sent."""

    NONE = ""
    BY_CALLER = "BY_CALLER"
    GONE = "GONE"
    FAILING = "FAILING"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller decides about an endpoint."""

    url: str
    topics: tuple[str, ...]
    keys: tuple[str, ...] = ()
    description: str = ""
    ordered: bool = False
    max_in_flight: int = DEFAULT_IN_FLIGHT

    def wants_type(self, type_: str) -> bool:
        """Whether one of the topics is this type, or stands for it."""
        return any(_stands_for(topic, type_) for topic in self.topics)

    def wants(self, type_: str, key: str) -> bool:
        """Whether an event is to be sent there."""
        return (not self.keys or key in self.keys) and self.wants_type(type_)


def _stands_for(topic: str, type_: str) -> bool:
    if topic.endswith(".*"):
        return type_.startswith(topic[:-1])
    return topic in ("*", type_)


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint fares. `failing_since` is the first failure after the last success."""

    enabled: bool = True
    reason: DisabledReason = DisabledReason.NONE
    disable_time: datetime | None = None
    failing_since: datetime | None = None
    rest_until: datetime | None = None
    """It asked for a pause: nothing is sent before."""

    def accepts(self, now: datetime) -> bool:
        """Whether anything may be sent now."""
        return self.enabled and (self.rest_until is None or self.rest_until <= now)


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret as its owner has it; `expire_time` is set once it was replaced."""

    text: str = field(repr=False)
    expire_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as kept. `secrets` begin with the newest; `revision` orders all changes of all endpoints."""

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
    """The secrets after a new one: the current one ends in a day, those that have ended are gone."""
    living = [one for one in secrets if one.expire_time is None or one.expire_time > now]
    old = [one if one.expire_time else replace(one, expire_time=now + OLD_SECRET) for one in living]
    return (Secret(fresh), *old)[:MOST_SECRETS]


def switched(health: Health, enabled: bool, now: datetime) -> Health:
    """After a person's decision. Who is enabled again begins without a past."""
    if enabled:
        return health if health.enabled else Health()
    return (
        replace(health, enabled=False, reason=DisabledReason.BY_CALLER, disable_time=now) if health.enabled else health
    )
