"""Reads the environment: the only place of the chassis that does, and what every service's config.py calls."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit


MOST_WORKERS = 64
"""Per service and machine: one per core is enough, each has a pool of connections to Postgres."""


class ConfigError(Exception):
    """A setting that cannot be used; its text is one line for the person who set it."""


def text(name: str, default: str | None = None) -> str:
    """The variable's text; ConfigError when it is unset and has no default."""
    value = os.environ.get(name, default)
    if value is None:
        raise ConfigError(f"{name} is not set")
    return value


def whole(name: str, default: int, least: int, most: int) -> int:
    """The variable as a whole number from `least` to `most`; ConfigError otherwise."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    if not raw.lstrip("-").isdigit() or not least <= int(raw) <= most:
        raise ConfigError(f"{name}={raw} is not a whole number from {least} to {most}")
    return int(raw)


def database_url(name: str) -> str:
    """DATABASE_URL with its database name replaced by `name`: each service owns one database on that server."""
    parts = urlsplit(text("DATABASE_URL"))
    if parts.scheme not in ("postgresql", "postgres"):
        raise ConfigError("DATABASE_URL must start with postgresql://")
    return urlunsplit(("postgresql", parts.netloc, f"/{name}", parts.query, ""))


def gate_url() -> str:
    """REDIS_URL: the server and database that hold the gates, and nothing else."""
    return text("REDIS_URL")


def stream_url() -> str:
    """STREAM_REDIS_URL; by default database 1 of the gate's server, so that streams never share the gate's keys."""
    default = urlunsplit((*urlsplit(gate_url())[:2], "/1", "", ""))
    return text("STREAM_REDIS_URL", default)


def address(service: str) -> str:
    """host:port of a service's gRPC server, for example INVENTORY_ADDRESS."""
    ports = {"inventory": 50051, "order": 50052, "promo": 50053}
    return text(f"{service.upper()}_ADDRESS", f"127.0.0.1:{ports[service]}")


def log_level() -> str:
    """LOG_LEVEL: debug, info, warning or error."""
    level = text("LOG_LEVEL", "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        raise ConfigError(f"LOG_LEVEL={level} is not one of debug, info, warning, error")
    return level


def workers(service: str) -> int:
    """How many processes serve a service's address, for example INVENTORY_WORKERS; WORKERS is for those without one."""
    return whole(f"{service.upper()}_WORKERS", whole("WORKERS", 1, 1, MOST_WORKERS), 1, MOST_WORKERS)


def worker_number() -> int | None:
    """WORKER_NUMBER: which of its service's workers this process is, from 0; None when it is the only one."""
    return whole("WORKER_NUMBER", 0, 0, MOST_WORKERS - 1) if "WORKER_NUMBER" in os.environ else None
