"""Settings of the edge; only this module reads the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from chassis import config, services
from chassis.config import ConfigError
from chassis.events import config as events
from edge.webhooks import standard

LEAST_KEY_CHARACTERS = 32
"""In base64 these are 192 bits."""


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Without `webhook_keys` every sandbox webhook is refused."""

    host: str
    port: int
    api_token: str = field(repr=False)
    ticket_key: str = field(repr=False)
    webhook_keys: tuple[bytes, ...] = field(repr=False)
    addresses: Mapping[str, str]
    """host:port of each service."""
    connections: Mapping[str, int] = field(default_factory=dict)
    """How many to each service; one to a service that is not named."""
    lame_duck_s: float = 0.0
    broker_url: str = field(default="", repr=False)
    """The broker that carries the pushed events; "" without one."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """The proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted."""
    docs: bool = True
    """Whether /docs and /openapi.json are served."""
    hsts: bool = False
    """Whether to assume that callers use TLS, although no proxy reports it."""

    @property
    def address(self) -> str:
        """host:port to listen on."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def from_environment() -> Settings:
    """Reads all settings. ConfigError with one clear line for the first invalid one."""
    host, port = _listen_on(config.listening_address("edge"))
    token = config.api_token()
    return Settings(
        host=host,
        port=port,
        api_token=token,
        ticket_key=_ticket_key(token),
        webhook_keys=standard.keys(config.text("SANDBOX_WEBHOOK_SECRET", "")),
        addresses={service: config.address(service) for service in services.NAMES},
        connections={service: config.connections(service) for service in services.NAMES},
        lame_duck_s=config.lame_duck_s(),
        broker_url=events.broker_url(),
        trusted_proxies=_networks("EDGE_TRUSTED_PROXIES"),
        docs=_switch("EDGE_DOCS", "on"),
        hsts=_switch("EDGE_HSTS", "off"),
    )


def _ticket_key(api_token: str) -> str:
    """Strangers hold tickets and can try to guess the key without a time limit, so it must be long."""
    key = config.text("TICKET_KEY")
    if len(key) < LEAST_KEY_CHARACTERS:
        raise ConfigError(f"TICKET_KEY must have at least {LEAST_KEY_CHARACTERS} random characters")
    if key == api_token:
        raise ConfigError("TICKET_KEY must differ from API_TOKEN")
    return key


def _listen_on(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ConfigError(f"EDGE_ADDRESS={address} is not host:port")
    return host.strip("[]"), int(port)


def _networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    given = [one.strip() for one in config.text(name, "").split(",")]
    try:
        return tuple(ip_network(one) for one in given if one)
    except ValueError as error:
        raise ConfigError(f"{name} is not a comma-separated list of addresses or networks: {error}") from error


def _switch(name: str, default: str) -> bool:
    given = config.text(name, default)
    if given not in ("on", "off"):
        raise ConfigError(f"{name}={given} is neither on nor off")
    return given == "on"
