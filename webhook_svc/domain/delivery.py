"""Deliveries of one event to one endpoint: as the log shows them, as a process holds them, and the result of an attempt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from webhook_svc.domain.schedule import Outcome

PING = "webhook.ping"
"""The type of a test message; no event has this type."""


class State(Enum):
    """The life cycle of a delivery."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Cause(Enum):
    """Why a delivery was made."""

    EVENT = "EVENT"
    REPLAY = "REPLAY"
    TEST = "TEST"


class Message(NamedTuple):
    """An event as it is sent; `body` is the same for all endpoints."""

    event_id: str
    type: str
    key: str
    event_time: datetime
    body: bytes


class Planned(NamedTuple):
    """A delivery to be made. `lease` is "" if it is made without a lease."""

    endpoint_id: str
    event_id: str
    ordered: bool
    lease: str


@dataclass(frozen=True, slots=True)
class Work:
    """A delivery that this process holds until its lease ends. `tries` counts the earlier tries."""

    delivery_id: int
    endpoint_id: str
    event_id: str
    type: str
    ordered: bool
    event_time: datetime
    body: bytes = field(repr=False)
    tries: int
    lease: str
    lease_ends: datetime


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of one attempt; `outcome` is None if there was no attempt and the delivery is given back."""

    work: Work
    outcome: Outcome | None
    start_time: datetime
    end_time: datetime
    duration_ms: int = 0
    status: int = 0
    error: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as its log shows it."""

    delivery_id: int
    endpoint_id: str
    event_id: str
    type: str
    key: str
    state: State
    cause: Cause
    attempts: int
    last_status: int
    last_error: str
    last_attempt_time: datetime | None
    due_at: datetime
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as the log shows it."""

    start_time: datetime
    duration_ms: int
    status: int
    error: str
    answer: str
