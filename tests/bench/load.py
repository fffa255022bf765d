"""What a row asks of a server, in a form that goes to the client processes; and the slice of time in which it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Transport: TypeAlias = Literal["grpc", "rest", "gate", "journal"]

ID = "@" * 16
"""Stands in every template where each call has its own id, of the same length, so that a call costs one replace."""
ALL_WELL = "OK"


@dataclass(frozen=True, slots=True)
class Load:
    """Calls of one kind. Templates are whole messages, made beforehand and used in turn."""

    transport: Transport
    target: str
    method: str
    templates: tuple[bytes, ...]
    expected: str = ALL_WELL
    arguments: tuple[str, ...] = ()
    judge: Callable[[bytes], str] | None = None
    """Looks into an answer where the status does not tell all."""
    calls_per_id: int = 1
    before: Load | None = None
    """Must be done first, outside the clock; `calls_per_id` of ours use the id of each of its calls."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One client's part of one measurement. `number` makes its ids different from all others'."""

    load: Load
    number: int
    in_flight: int
    before_calls: int
    connections: int = 1
    """Where the transport is grpc; a server of several workers gives each connection to one of them."""
    per_s: float = 0.0
    """Calls are started by the clock, so many a second; 0: by the answers, `in_flight` at a time."""


@dataclass(frozen=True, slots=True)
class Window:
    """Monotonic times, the same in all processes: load from now, count from `begin` to `end`."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Counted:
    """What one client saw in the window: seconds per call, outcomes other than the expected, when the last one came."""

    latencies: tuple[float, ...]
    failures: dict[str, int]
    last: float
    cpu_s: float


def body(load: Load, slice_number: int, client: int, call: int) -> bytes:
    """The message of one call."""
    template = load.templates[(call + client * 7919) % len(load.templates)]
    if load.calls_per_id > 1:  # each id's calls are the templates in their order
        template = load.templates[call % load.calls_per_id]
    return template.replace(ID.encode(), b"%04x%02x%010x" % (slice_number, client, call // load.calls_per_id))
