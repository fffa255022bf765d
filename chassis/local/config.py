"""The settings that `make run` reads from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chassis import config, services
from chassis.local.ports import Address

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = {name: f"{name.upper()}_ADDRESS" for name in services.PROCESSES}


@dataclass(frozen=True)
class Settings:
    """All settings of a local run."""

    local: Path
    database_url: str | None
    redis_url: str | None
    addresses: Mapping[str, Address]
    metrics: Mapping[str, Sequence[str]]
    """By process: one host:port per worker; none when its metrics are off."""
    token: str | None
    webhook_secret: str | None
    seed: bool
    colour: bool
    environment: Mapping[str, str]

    @property
    def edge_url(self) -> str:
        """The REST address for callers on this machine."""
        return f"http://{self.addresses['edge'].reachable}"

    @property
    def broker_url(self) -> str:
        """The configured broker; "" for Redis Streams in the gate's server."""
        return self.environment.get("BROKER_URL", "")


def local_folder() -> Path:
    """LOCAL_DIR: the folder of a run's data, its secrets and run.json."""
    base = ROOT if (ROOT / "pyproject.toml").exists() else Path.cwd()  # an installation has no checkout
    return (base / (config.text("LOCAL_DIR", "") or ".local")).absolute()


def load() -> Settings:
    """Reads the settings. ConfigError or CannotStart names an invalid one in one line."""
    texts = {name: config.listening_address(name) for name in services.PROCESSES}
    return Settings(
        local=local_folder(),
        database_url=config.text("DATABASE_URL", "") or None,
        redis_url=config.text("REDIS_URL", "") or None,
        addresses={name: Address.parse(text, VARIABLES[name]) for name, text in texts.items()},
        metrics={name: _metrics(name) for name in services.PROCESSES},
        token=config.api_token() if config.text("API_TOKEN", "") else None,
        webhook_secret=config.text("SANDBOX_WEBHOOK_SECRET", "") or None,
        seed=config.text("SEED", "on").lower() not in ("off", "0", "no", "false"),
        colour=not config.text("NO_COLOR", ""),
        environment=dict(os.environ),
    )


def _metrics(process: str) -> list[str]:
    """The addresses of all workers. Processes read these settings themselves; here an invalid one is found before the start."""
    every = [config.metrics_address(process, worker) for worker in range(config.workers(process))]
    return [address for address in every if address]
