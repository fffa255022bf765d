"""The limits of the front door: sizes, times and numbers. The README of edge has the same table for callers."""

from __future__ import annotations

import resource
from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

MOST_BODY_BYTES = MIB
"""A batch of 500 skus with ordinary attributes fits; all other bodies are much smaller."""
MOST_WEBHOOK_BYTES = 64 * KIB
"""A webhook's body is read before its signature is checked, so anybody can send one. Payment events have less than 1 KiB."""


@dataclass(frozen=True)
class Limits:
    """The product's limits; tests choose smaller ones. Times are exact to one `sweep_s`."""

    line_bytes: int = 16 * KIB
    """Of the request target, and of one header with its name."""
    head_bytes: int = 64 * KIB
    """Of the request line and all headers together."""
    headers: int = 100
    body_bytes: int = MOST_BODY_BYTES
    raw_body_bytes: int = 3 * MOST_BODY_BYTES
    """Of a chunked body including its framing: chunks of a few bytes cost more to parse than they carry."""
    pipelined: int = 16
    """Requests that are queued on one connection. One packet can hold thousands of short ones."""

    first_byte_s: float = 10.0
    """From the connection to its first request."""
    head_s: float = 10.0
    """From the first byte of a request to the end of its headers."""
    body_s: float = 10.0
    """From the end of the headers to the end of the body; one second more per `least_bytes_per_s` received."""
    least_bytes_per_s: int = 64 * KIB
    idle_s: float = 75.0
    """Between two requests of a connection that has shown a token, a ticket or a signature."""
    unproven_idle_s: float = 15.0
    """The same for all other connections: a probe comes more often, or reconnects."""
    unread_s: float = 20.0
    """After this a client that does not read its response is disconnected; equal to a WebSocket's ping timeout."""
    linger_s: float = 2.0
    """After a refusal the rest of the request is discarded this long, so that the client can read the response."""
    linger_bytes: int = MIB

    unproven: int = 1024
    """Connections that have not authenticated."""
    unproven_per_address: int = 256
    proven: int = 8192
    """Connections that have shown the token or a signature, or come from a trusted proxy."""
    tickets: int = 4096
    """Connections that have shown a ticket: web pages must not take the places of sales channels."""
    silent_s: float = 2.0
    """A new connection that has sent nothing stays this long: on a busy machine a burst connects faster than it sends."""
    trim_s: float = 0.1
    """Interval at which surplus unproven connections are closed, oldest first. A new one has at least this long."""
    burst: int = 8192
    """Surplus connections that are kept until then: twice the length of the kernel's accept queue."""
    sweep_s: float = 1.0

    bodies_bytes: int = 64 * MIB
    """Of all bodies being received, per process."""
    unproven_bodies_bytes: int = 8 * MIB
    unproven_bodies: int = 256
    """Webhooks whose bodies are being received."""

    def within_open_files(self) -> Limits:
        """The same limits with connections reduced to this process's limit of open files; an eighth is kept for other uses."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files == resource.RLIM_INFINITY:
            return self
        numbers = {"unproven": files // 8, "proven": files // 4, "tickets": files // 8, "burst": files * 3 // 8}
        least = {name: min(most, getattr(self, name)) for name, most in numbers.items()}
        return Limits(**{**self.__dict__, **least})
