"""Reads the environment: the only place of the chassis that does, and what every service's config.py calls."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from chassis import services
from chassis.events import broker
from chassis.events.event import JSON, PROTOBUF, ContentType

_BY_PORT = sorted(services.SERVICES, key=lambda service: service.port)
PORTS = {services.EDGE: services.EDGE_PORT, **{service.name: service.port for service in _BY_PORT}}
METRICS_PORTS = {
    services.EDGE: services.EDGE_METRICS_PORT,
    **{service.name: service.metrics_port for service in _BY_PORT},
}
METRICS_ABOVE = 100
"""With BASE_PORT, the first port of metrics is this far above it: the 64 workers of each process fit above that."""
MOST_BASE_PORT = 64_000
TOKEN_LEAST_CHARACTERS = 32
TOKEN_LEAST_DIFFERENT = 10
"""Of 32 random characters of an alphabet of 16 or more, fewer than 10 are different less than once in 10,000 tries."""
PLAINTEXT_GRPC = "ALLOW_PLAINTEXT_GRPC"
PLAINTEXT_HTTP = "ALLOW_PLAINTEXT_HTTP"
OPEN_METRICS = "ALLOW_OPEN_METRICS"
RISKS = {
    PLAINTEXT_GRPC: "gRPC has no TLS and asks for no identity: whoever reaches the address reads and changes everything",
    PLAINTEXT_HTTP: "the edge has no TLS: whoever is on the way reads the API token, unless a proxy with TLS is the only way",
    OPEN_METRICS: "metrics ask for no token: whoever reaches the address reads them",
}
"""Settings that allow an address that other machines reach, and what that means."""
EVENT_DAYS, LEAST_EVENT_DAYS = 7, 1
"""A consumer that was away for a week still finds its events in the outbox; with a day, one that was away for a night."""
BROKER_DAYS = 7
"""How long our topics and streams keep events."""
REQUEST_DAYS, LEAST_REQUEST_DAYS = 30, 4
"""A repeat after that is a new request. Retry schedules end within three days, ours of webhooks too."""
MOST_KEPT_DAYS = 365
MOST_WORKERS = 64
"""Per service and machine: one per core is enough, each has a pool of connections to Postgres."""
CONNECTIONS_PER_WORKER = 4
MOST_CONNECTIONS = 64
KEY_CHARACTERS = 32
"""Of a secret that signs: 24 random bytes in base64 are so long, and nobody guesses them."""


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


@dataclass(frozen=True)
class KeptDays:
    """For how many days events, the answers to requests, and the ids of handled events are kept."""

    event_days: int
    request_days: int

    @property
    def inbox_days(self) -> int:
        """Longer than outboxes and brokers keep events: none comes again after it was forgotten here."""
        return max(self.event_days, BROKER_DAYS) + 1


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


def switch(name: str) -> bool:
    """Whether the variable is `on`; it is off unless it is set. ConfigError when it is neither."""
    value = text(name, "off").lower()
    if value not in ("on", "off"):
        raise ConfigError(f"{name}={value} is neither on nor off")
    return value == "on"


def api_token() -> str:
    """API_TOKEN. ConfigError when it is missing, or short or uniform enough to be guessed; the text never shows it."""
    token = text("API_TOKEN")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError("API_TOKEN must be printable ASCII without spaces")
    if len(token) < TOKEN_LEAST_CHARACTERS or len(set(token)) < TOKEN_LEAST_DIFFERENT:
        raise ConfigError(
            f"API_TOKEN must have at least {TOKEN_LEAST_CHARACTERS} random characters, {TOKEN_LEAST_DIFFERENT} of them "
            "different; make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return token


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


def address(process: str) -> str:
    """host:port of a service's gRPC server or of the edge, for example INVENTORY_ADDRESS. By default loopback."""
    return text(f"{process.upper()}_ADDRESS", f"127.0.0.1:{_port(process)}")


def listening_address(process: str) -> str:
    """The address for the process that listens there. ConfigError when other machines reach it and nothing allows that."""
    found = address(process)
    _refuse_exposed(f"{process.upper()}_ADDRESS", found, PLAINTEXT_HTTP if process == "edge" else PLAINTEXT_GRPC)
    return found


def metrics_address(process: str, worker: int | None = None) -> str:
    """host:port where a process shows its metrics, for example INVENTORY_METRICS_ADDRESS; "" for nowhere.

    One port above the other per kind of process, ten apart per worker of one: inventory's WORKER_NUMBER 2 has 9171.
    `worker` is another worker than this process. ConfigError as `listening_address` raises it.
    """
    name = f"{process.upper()}_METRICS_ADDRESS"
    given = text(name, f"127.0.0.1:{_port(process, METRICS_PORTS, METRICS_ABOVE)}")
    host, _, port = given.rpartition(":")
    if given and (not host or not port.isdigit() or not 0 < int(port) < 65_000):
        raise ConfigError(f"{name}={given} is not host:port")
    _refuse_exposed(name, given, OPEN_METRICS)
    number = (worker_number() or 0) if worker is None else worker
    return given and f"{host}:{int(port) + 10 * number}"


def _port(process: str, usual: Mapping[str, int] = PORTS, above: int = 0) -> int:
    """The process's usual port; with BASE_PORT, the one as far above it as the process is from the first in the table."""
    base = whole("BASE_PORT", 0, 1_024, MOST_BASE_PORT)
    return base + above + list(usual).index(process) if base else usual[process]


def _refuse_exposed(name: str, address: str, permit: str) -> None:
    host, colon, _ = address.rpartition(":")
    if not colon or _is_loopback(host.strip("[]")) or switch(permit):  # without a colon it is refused where it is used
        return
    raise ConfigError(f"{name}={address} is not a loopback address. {RISKS[permit]}. {permit}=on allows it")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: only this one is this machine's everywhere
        return host == "localhost"


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


def reflection() -> bool:
    """GRPC_REFLECTION: `on`, or `off` where nobody shall read from a server which methods it has."""
    chosen = text("GRPC_REFLECTION", "on").lower()
    if chosen not in ("on", "off"):
        raise ConfigError(f"GRPC_REFLECTION={chosen} is neither on nor off")
    return chosen == "on"


def page_token_key() -> str:
    """PAGE_TOKEN_KEY: a secret that page tokens are signed with, the same for all workers and services."""
    key = text("PAGE_TOKEN_KEY", "")
    if len(key) < KEY_CHARACTERS:
        raise ConfigError(
            f"PAGE_TOKEN_KEY must be a secret of at least {KEY_CHARACTERS} characters, the same everywhere"
        )
    return key


def kept_days() -> KeptDays:
    """EVENT_RETENTION_DAYS, REQUEST_RETENTION_DAYS. All services need the same: each reads the others' events."""
    return KeptDays(
        event_days=whole("EVENT_RETENTION_DAYS", EVENT_DAYS, LEAST_EVENT_DAYS, MOST_KEPT_DAYS),
        request_days=whole("REQUEST_RETENTION_DAYS", REQUEST_DAYS, LEAST_REQUEST_DAYS, MOST_KEPT_DAYS),
    )


def lame_duck_s() -> float:
    """LAME_DUCK_MS: how long a server that was told to stop says so by its health before it takes no more calls."""
    return whole("LAME_DUCK_MS", 0, 0, 5_000) / 1000
