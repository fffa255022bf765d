"""The limits of the front door: sizes, times and numbers. The README of edge has the same table for callers."""

from __future__ import annotations

import resource
from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

MOST_BODY_BYTES = MIB
"""A batch of 500 skus with ordinary attributes fits; nothing else comes near."""
MOST_WEBHOOK_BYTES = 64 * KIB
"""Anybody may send a webhook's body before its signature is checked. Payment events have less than 1 KiB."""


@dataclass(frozen=True)
class Limits:
    """Tests choose smaller ones. Times are kept to the next `sweep_s`."""

    line_bytes: int = 16 * KIB
    """Of the request's target, and of one header with its name."""
    head_bytes: int = 64 * KIB
    """Of request line and headers together."""
    headers: int = 100
    body_bytes: int = MOST_BODY_BYTES
    raw_body_bytes: int = 3 * MOST_BODY_BYTES
    """Of a chunked body as it is sent: chunks of a few bytes cost more to read than they carry."""
    pipelined: int = 16
    """Requests that wait for their turn on one connection. A packet holds thousands of short ones."""

    first_byte_s: float = 10.0
    """From the connection to its first request."""
    head_s: float = 10.0
    """From the first byte of a request to the end of its headers."""
    body_s: float = 10.0
    """From the end of the headers to the end of the body, and longer by what came at the least rate."""
    least_bytes_per_s: int = 64 * KIB
    idle_s: float = 75.0
    """Between two requests of a connection that has shown a token, a ticket or a signature."""
    unproven_idle_s: float = 15.0
    """The same for all others: a probe asks again sooner or connects anew."""
    unread_s: float = 20.0
    """A client that does not read its answer is cut off; as long as a WebSocket's ping waits."""
    linger_s: float = 2.0
    """After a refusal what still comes is thrown away, so that the client can read why."""
    linger_bytes: int = MIB

    unproven: int = 1024
    """Connections that have not shown who they are."""
    unproven_per_address: int = 256
    proven: int = 8192
    """Connections that have shown the token or a signature, or come from a trusted proxy."""
    tickets: int = 4096
    """Connections that have shown a ticket: those of pages must not take the places of channels."""
    silent_s: float = 2.0
    """A newcomer that has sent nothing keeps its place this long: on a busy machine a crowd connects faster than it speaks."""
    trim_s: float = 0.1
    """How often surplus unproven connections are closed, the oldest first. A newcomer has at least this long."""
    burst: int = 8192
    """Surplus connections that may wait for that: twice what the kernel's queue hands over at once."""
    sweep_s: float = 1.0

    bodies_bytes: int = 64 * MIB
    """Of all bodies that are being received, per process."""
    unproven_bodies_bytes: int = 8 * MIB
    unproven_bodies: int = 256
    """Webhooks whose bodies are being received."""

    def within_open_files(self) -> Limits:
        """The same with no more connections than this process may open files; a quarter is kept for other uses."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files == resource.RLIM_INFINITY:
            return self
        numbers = {"unproven": files // 8, "proven": files // 4, "tickets": files // 8, "burst": files * 3 // 8}
        least = {name: min(most, getattr(self, name)) for name, most in numbers.items()}
        return Limits(**{**self.__dict__, **least})
