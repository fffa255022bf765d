"""Reads the environment: the only place of the chassis that does, and what every service's config.py calls."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from chassis.events import broker
from chassis.events.event import JSON, PROTOBUF, ContentType

MOST_WORKERS = 64
"""Per service and machine: one per core is enough, each has a pool of connections to Postgres."""
CONNECTIONS_PER_WORKER = 4
MOST_CONNECTIONS = 64


class ConfigError(Exception):
    """A setting that cannot be used; its text is one line for the person who set it."""


@dataclass(frozen=True)
class Traces:
    """Where traces go: `endpoint` is an OTLP collector's URL, `to` is a file or `console`; either may be "".

    `ratio` of the traces that begin here are kept; a caller's trace is kept when the caller keeps it.
    """

    endpoint: str
    to: str
    ratio: float


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


def broker_url() -> str:
    """BROKER_URL: what carries events between services, see `chassis.events.broker.connect`.

    By default Redis Streams in database 1 of the gate's server, so that streams never share the gate's keys.
    """
    url = text("BROKER_URL", "") or urlunsplit((*urlsplit(gate_url())[:2], "/1", "", ""))
    if url.partition("://")[0] not in broker.SCHEMES:
        raise ConfigError(f"BROKER_URL must start with one of {', '.join(f'{one}://' for one in broker.SCHEMES)}")
    return url


def events_content_type() -> ContentType:
    """EVENTS_FORMAT: `protobuf`, or `json` for consumers that cannot read protobuf. Our own read both."""
    format_ = text("EVENTS_FORMAT", "protobuf")
    if format_ not in ("protobuf", "json"):
        raise ConfigError(f"EVENTS_FORMAT={format_} is neither protobuf nor json")
    return PROTOBUF if format_ == "protobuf" else JSON


def address(service: str) -> str:
    """host:port of a service's gRPC server, for example INVENTORY_ADDRESS."""
    ports = {"inventory": 50051, "order": 50052, "promo": 50053, "webhook": 50054}
    return text(f"{service.upper()}_ADDRESS", f"127.0.0.1:{ports[service]}")


def metrics_address(process: str) -> str:
    """host:port where a process shows its metrics, for example INVENTORY_METRICS_ADDRESS; "" for nowhere.

    One port above the other per kind of process, ten apart per worker of one: inventory's WORKER_NUMBER 2 has 9171.
    """
    ports = {"edge": 9150, "inventory": 9151, "order": 9152, "promo": 9153, "webhook": 9154}
    name = f"{process.upper()}_METRICS_ADDRESS"
    given = text(name, f"127.0.0.1:{ports[process]}")
    host, _, port = given.rpartition(":")
    if given and (not host or not port.isdigit() or not 0 < int(port) < 65_000):
        raise ConfigError(f"{name}={given} is not host:port")
    return given and f"{host}:{int(port) + 10 * (worker_number() or 0)}"


def traces() -> Traces | None:
    """OTEL_EXPORTER_OTLP_ENDPOINT, TRACES, OTEL_TRACES_SAMPLER_ARG; None when nobody asks for traces."""
    endpoint, to = text("OTEL_EXPORTER_OTLP_ENDPOINT", ""), text("TRACES", "")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ConfigError(f"OTEL_EXPORTER_OTLP_ENDPOINT={endpoint} must start with http:// or https://")
    raw = text("OTEL_TRACES_SAMPLER_ARG", "1")
    try:
        ratio = float(raw)
    except ValueError:
        ratio = -1
    if not 0 <= ratio <= 1:
        raise ConfigError(f"OTEL_TRACES_SAMPLER_ARG={raw} is not a number from 0 to 1")
    return Traces(endpoint, "" if to == "off" else to, ratio) if endpoint or to not in ("", "off") else None


def log_level() -> str:
    """LOG_LEVEL: debug, info, warning or error."""
    level = text("LOG_LEVEL", "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        raise ConfigError(f"LOG_LEVEL={level} is not one of debug, info, warning, error")
    return level


def watchdog() -> bool:
    """WATCHDOG: off for somebody with a debugger, whose process stands still; on otherwise."""
    given = text("WATCHDOG", "on")
    if given not in ("on", "off"):
        raise ConfigError(f"WATCHDOG={given} is neither on nor off")
    return given == "on"


def workers(service: str) -> int:
    """How many processes serve a service's address, for example INVENTORY_WORKERS; WORKERS is for those without one."""
    return whole(f"{service.upper()}_WORKERS", whole("WORKERS", 1, 1, MOST_WORKERS), 1, MOST_WORKERS)


def worker_number() -> int | None:
    """WORKER_NUMBER: which of its service's workers this process is, from 0; None when it is the only one."""
    return whole("WORKER_NUMBER", 0, 0, MOST_WORKERS - 1) if "WORKER_NUMBER" in os.environ else None


def worker_lifeline() -> int | None:
    """WORKER_LIFELINE: the descriptor that ends when this worker's supervisor does; None without a supervisor."""
    return whole("WORKER_LIFELINE", 0, 0, 1 << 20) if "WORKER_LIFELINE" in os.environ else None


def worker_environment(number: int, lifeline: int) -> dict[str, str]:
    """What a supervisor starts a worker with: its own environment, and the two variables above."""
    return {**os.environ, "WORKER_NUMBER": str(number), "WORKER_LIFELINE": str(lifeline)}


def connections(service: str) -> int:
    """How many connections a client opens to a service, for example INVENTORY_CONNECTIONS.

    A connection belongs to one worker, chosen by chance: with four per worker all of them have work, and about as much.
    """
    several = workers(service)
    default = 1 if several == 1 else min(CONNECTIONS_PER_WORKER * several, MOST_CONNECTIONS)
    return whole(f"{service.upper()}_CONNECTIONS", default, 1, MOST_CONNECTIONS)


def lame_duck_s() -> float:
    """LAME_DUCK_MS: how long a server that was told to stop says so by its health before it takes no more calls."""
    return whole("LAME_DUCK_MS", 0, 0, 5_000) / 1000
