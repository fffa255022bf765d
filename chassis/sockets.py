"""Addresses that several processes share: the kernel distributes connections among those that listen (SO_REUSEPORT)."""

from __future__ import annotations

import socket

from chassis.config import ConfigError


def bound(address: str) -> socket.socket:
    """A socket that is bound to host:port but does not listen. ConfigError when the address cannot be bound.

    While it is open, only processes of the same account that also share the port can listen there: it keeps the port while
    a worker restarts, and lets a new process start before the old one has ended. It accepts no connections itself.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        shared = socket.socket(family, kind, protocol)
    except OSError as wrong:
        raise ConfigError(f"cannot listen on {address}: {wrong.strerror}") from wrong
    try:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and host in ("", "::"):
            shared.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        shared.bind(where)
    except OSError as taken:
        shared.close()
        raise ConfigError(f"cannot listen on {address}: {taken.strerror}") from taken
    return shared
