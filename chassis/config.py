"""Reads the environment. No other module of the chassis does; every service's config.py calls this one."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from chassis import services

_BY_PORT = sorted(services.SERVICES, key=lambda service: service.port)
PORTS = {services.EDGE: services.EDGE_PORT, **{service.name: service.port for service in _BY_PORT}}
METRICS_PORTS = {
    services.EDGE: services.EDGE_METRICS_PORT,
    **{service.name: service.metrics_port for service in _BY_PORT},
}
METRICS_ABOVE = 100
"""With BASE_PORT, the first port for metrics is BASE_PORT plus this; the ports of 64 workers per process fit above it."""
MOST_BASE_PORT = 64_000
TOKEN_LEAST_CHARACTERS = 32
TOKEN_LEAST_DIFFERENT = 10
"""32 random characters from an alphabet of 16 or more have fewer than 10 different ones less than once in 10,000 cases."""
PLAINTEXT_GRPC = "ALLOW_PLAINTEXT_GRPC"
PLAINTEXT_HTTP = "ALLOW_PLAINTEXT_HTTP"
OPEN_METRICS = "ALLOW_OPEN_METRICS"
RISKS = {
    PLAINTEXT_GRPC: "gRPC has no TLS and no authentication: any client that reaches the address can read and change everything",
    PLAINTEXT_HTTP: "the edge has no TLS: unless a TLS proxy is the only way to it, the API token can be read on the network",
    OPEN_METRICS: "metrics need no token: any client that reaches the address can read them",
}
"""Settings that allow an address that other machines can reach, and the risk of each."""
EVENT_DAYS, LEAST_EVENT_DAYS = 7, 1
"""With 7 days a consumer that was down for a week still finds its events in the outbox; with 1, one that was down overnight."""
BROKER_DAYS = 7
"""How long the product's topics and streams keep events."""
REQUEST_DAYS, LEAST_REQUEST_DAYS = 30, 4
"""A repeat after that is a new request. Retry schedules end within three days, including the one for webhooks."""
MOST_KEPT_DAYS = 365
MOST_WORKERS = 64
"""Per service and machine. One per core is enough; each has its own pool of connections to Postgres."""
CONNECTIONS_PER_WORKER = 4
MOST_CONNECTIONS = 64
KEY_CHARACTERS = 32
"""Minimum length of a signing secret: the length of 24 random bytes in base64, which cannot be guessed."""


class ConfigError(Exception):
    """An invalid setting; the text is one line for the person who set it."""


@dataclass(frozen=True)
class Traces:
    """The destinations of traces: `endpoint` is an OTLP collector's URL, `to` is a file or `console`; either may be "".

    `ratio` is the share of traces beginning here that are kept; a caller's trace is kept when the caller keeps it.
    """

    endpoint: str
    to: str
    ratio: float


@dataclass(frozen=True)
class KeptDays:
    """The number of days for which events, responses to requests, and ids of handled events are kept."""

    event_days: int
    request_days: int

    @property
    def inbox_days(self) -> int:
        """Longer than outboxes and brokers keep events, so no event arrives again after its id was deleted here."""
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
    """Whether the variable is `on`; unset means off. ConfigError when it is neither `on` nor `off`."""
    value = text(name, "off").lower()
    if value not in ("on", "off"):
        raise ConfigError(f"{name}={value} is neither on nor off")
    return value == "on"


def api_token() -> str:
    """API_TOKEN. ConfigError when it is missing, or so short or uniform that it can be guessed; the text never shows it."""
    token = text("API_TOKEN")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError("API_TOKEN must be printable ASCII without spaces")
    if len(token) < TOKEN_LEAST_CHARACTERS or len(set(token)) < TOKEN_LEAST_DIFFERENT:
        raise ConfigError(
            f"API_TOKEN must have at least {TOKEN_LEAST_CHARACTERS} random characters, {TOKEN_LEAST_DIFFERENT} of them "
            "different; generate one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return token


def database_url(name: str) -> str:
    """DATABASE_URL with its database name replaced by `name`: each service owns one database on that server."""
    parts = urlsplit(text("DATABASE_URL"))
    if parts.scheme not in ("postgresql", "postgres"):
        raise ConfigError("DATABASE_URL must start with postgresql://")
    return urlunsplit(("postgresql", parts.netloc, f"/{name}", parts.query, ""))


def gate_url() -> str:
    """REDIS_URL: the server and database that hold only the gates."""
    return text("REDIS_URL")


def address(process: str) -> str:
    """host:port of a service's gRPC server or of the edge, for example INVENTORY_ADDRESS. The default is on loopback."""
    return text(f"{process.upper()}_ADDRESS", f"127.0.0.1:{_port(process)}")


def listening_address(process: str) -> str:
    """The address to listen on. ConfigError when other machines can reach it and no setting allows that."""
    found = address(process)
    _refuse_exposed(f"{process.upper()}_ADDRESS", found, PLAINTEXT_HTTP if process == "edge" else PLAINTEXT_GRPC)
    return found


def metrics_address(process: str, worker: int | None = None) -> str:
    """host:port where a process serves its metrics, for example INVENTORY_METRICS_ADDRESS; "" for none.

    Kinds of processes have consecutive ports; the workers of one kind are ten apart: inventory's WORKER_NUMBER 2 has 9171.
    `worker` selects a worker other than this process. ConfigError for the same reasons as `listening_address`.
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
    """The process's usual port; with BASE_PORT, BASE_PORT plus `above` and the position of the process in the table."""
    base = whole("BASE_PORT", 0, 1_024, MOST_BASE_PORT)
    return base + above + list(usual).index(process) if base else usual[process]


def _refuse_exposed(name: str, address: str, permit: str) -> None:
    host, colon, _ = address.rpartition(":")
    if not colon or _is_loopback(host.strip("[]")) or switch(permit):  # without a colon it is rejected where it is used
        return
    raise ConfigError(f"{name}={address} is not a loopback address. {RISKS[permit]}. {permit}=on allows it")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a host name: only `localhost` always means this machine
        return host == "localhost"


def traces() -> Traces | None:
    """OTEL_EXPORTER_OTLP_ENDPOINT, TRACES, OTEL_TRACES_SAMPLER_ARG; None when traces are off."""
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
    """WATCHDOG: on by default; off for use with a debugger, which stops the process."""
    given = text("WATCHDOG", "on")
    if given not in ("on", "off"):
        raise ConfigError(f"WATCHDOG={given} is neither on nor off")
    return given == "on"


def workers(service: str) -> int:
    """The number of processes that serve a service's address, for example INVENTORY_WORKERS; WORKERS is the default."""
    return whole(f"{service.upper()}_WORKERS", whole("WORKERS", 1, 1, MOST_WORKERS), 1, MOST_WORKERS)


def worker_number() -> int | None:
    """WORKER_NUMBER: the number of this process among its service's workers, from 0; None when it is the only one."""
    return whole("WORKER_NUMBER", 0, 0, MOST_WORKERS - 1) if "WORKER_NUMBER" in os.environ else None


def worker_lifeline() -> int | None:
    """WORKER_LIFELINE: the descriptor that reaches end of file when this worker's supervisor ends; None without one."""
    return whole("WORKER_LIFELINE", 0, 0, 1 << 20) if "WORKER_LIFELINE" in os.environ else None


def worker_environment(number: int, lifeline: int) -> dict[str, str]:
    """The environment for a worker: the supervisor's own, and the two variables above."""
    return {**os.environ, "WORKER_NUMBER": str(number), "WORKER_LIFELINE": str(lifeline)}


def connections(service: str) -> int:
    """The number of connections that a client opens to a service, for example INVENTORY_CONNECTIONS.

    Each connection is assigned to a random worker: with four per worker, all workers get about the same load.
    """
    several = workers(service)
    default = 1 if several == 1 else min(CONNECTIONS_PER_WORKER * several, MOST_CONNECTIONS)
    return whole(f"{service.upper()}_CONNECTIONS", default, 1, MOST_CONNECTIONS)


def reflection() -> bool:
    """GRPC_REFLECTION: `on`, or `off` to hide a server's methods from its clients."""
    chosen = text("GRPC_REFLECTION", "on").lower()
    if chosen not in ("on", "off"):
        raise ConfigError(f"GRPC_REFLECTION={chosen} is neither on nor off")
    return chosen == "on"


def page_token_key() -> str:
    """PAGE_TOKEN_KEY: the secret that signs page tokens, the same for all workers and services."""
    key = text("PAGE_TOKEN_KEY", "")
    if len(key) < KEY_CHARACTERS:
        raise ConfigError(
            f"PAGE_TOKEN_KEY must be a secret of at least {KEY_CHARACTERS} characters, the same for all processes"
        )
    return key


def kept_days() -> KeptDays:
    """EVENT_RETENTION_DAYS, REQUEST_RETENTION_DAYS. All services need the same values: each reads the others' events."""
    return KeptDays(
        event_days=whole("EVENT_RETENTION_DAYS", EVENT_DAYS, LEAST_EVENT_DAYS, MOST_KEPT_DAYS),
        request_days=whole("REQUEST_RETENTION_DAYS", REQUEST_DAYS, LEAST_REQUEST_DAYS, MOST_KEPT_DAYS),
    )


def lame_duck_s() -> float:
    """LAME_DUCK_MS: how long a stopping server reports NOT_SERVING before it rejects new calls."""
    return whole("LAME_DUCK_MS", 0, 0, 5_000) / 1000
