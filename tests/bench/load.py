"""The calls of a row, in a form that can be sent to the client processes; and the slice of time in which they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Transport: TypeAlias = Literal["grpc", "rest", "gate", "journal"]

ID = "@" * 16
"""Stands in every template in place of the call's id and has its length, so that a call costs one replace."""
ALL_WELL = "OK"


@dataclass(frozen=True, slots=True)
class Load:
    """Calls of one kind. Templates are whole messages, prepared in advance and used in turn."""

    transport: Transport
    target: str
    method: str
    templates: tuple[bytes, ...]
    expected: str = ALL_WELL
    arguments: tuple[str, ...] = ()
    judge: Callable[[bytes], str] | None = None
    """Checks the answer where the status alone is not enough."""
    calls_per_id: int = 1
    before: Load | None = None
    """Runs first, outside the clock; `calls_per_id` calls of this load use the id of each of its calls."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One client's part of one measurement. `number` makes its ids unique."""

    load: Load
    number: int
    in_flight: int
    before_calls: int
    connections: int = 1
    """For the transport grpc; a server with several workers assigns each connection to one of them."""
    per_s: float = 0.0
    """Calls per second, started by the clock; 0: started by answers, with `in_flight` at a time."""


@dataclass(frozen=True, slots=True)
class Window:
    """Monotonic times, the same in all processes: load starts now, counting runs from `begin` to `end`."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts of one client in the window: seconds per call, unexpected outcomes, time of the last call."""

    latencies: tuple[float, ...]
    failures: dict[str, int]
    last: float
    cpu_s: float


def body(load: Load, slice_number: int, client: int, call: int) -> bytes:
    """Returns the message of one call."""
    template = load.templates[(call + client * 7919) % len(load.templates)]
    if load.calls_per_id > 1:  # the calls of each id use the templates in order
        template = load.templates[call % load.calls_per_id]
    return template.replace(ID.encode(), b"%04x%02x%010x" % (slice_number, client, call // load.calls_per_id))
