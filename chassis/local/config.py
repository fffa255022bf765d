"""What `make run` reads from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chassis import config
from chassis.local.ports import Address

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("inventory", "promo", "webhook", "order")  # in the order in which they are started
VARIABLES = {"edge": "EDGE_ADDRESS", **{service: f"{service.upper()}_ADDRESS" for service in SERVICES}}


@dataclass(frozen=True)
class Settings:
    """Everything that may be chosen about a local run."""

    local: Path
    database_url: str | None
    redis_url: str | None
    addresses: Mapping[str, Address]
    token: str | None
    webhook_secret: str | None
    seed: bool
    colour: bool
    environment: Mapping[str, str]

    @property
    def edge_url(self) -> str:
        """Where a caller on this machine finds REST."""
        return f"http://{self.addresses['edge'].reachable}"


def load() -> Settings:
    """Reads the settings; ConfigError or CannotStart says in one line which cannot be used."""
    for name in VARIABLES:
        config.workers(name)  # the processes read it themselves; here a wrong one costs nothing yet
    texts = {service: config.address(service) for service in SERVICES}
    texts["edge"] = config.text("EDGE_ADDRESS", "127.0.0.1:8080")
    return Settings(
        local=(ROOT / config.text("LOCAL_DIR", ".local")).absolute(),
        database_url=config.text("DATABASE_URL", "") or None,
        redis_url=config.text("REDIS_URL", "") or None,
        addresses={name: Address.parse(text, VARIABLES[name]) for name, text in texts.items()},
        token=config.text("API_TOKEN", "") or None,
        webhook_secret=config.text("SANDBOX_WEBHOOK_SECRET", "") or None,
        seed=config.text("SEED", "on").lower() not in ("off", "0", "no", "false"),
        colour=not config.text("NO_COLOR", ""),
        environment=dict(os.environ),
    )
