"""Settings of a demo run: the environment, and the run.json of a running `make run`. Only this file reads them."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_LOCAL_DIR = ".local"


class ConfigError(Exception):
    """The demo cannot start; the text is one line for the developer who started it."""


@dataclass(frozen=True, slots=True)
class Running:
    """Addresses of the running product."""

    edge: str
    inventory: str
    order: str
    promo: str
    token: str
    webhook_secret: str
    orders_database: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is sent. The seed determines the content; it is printed, so that a run can be repeated."""

    orders: int
    buyers: int
    clients: int
    seconds: int
    seed: int


def settings() -> Settings:
    """DEMO_ORDERS, DEMO_BUYERS, DEMO_CLIENTS, DEMO_SECONDS and DEMO_SEED, each with a default. ConfigError."""
    return Settings(
        orders=_whole("DEMO_ORDERS", 3_000, 10, 1_000_000),
        buyers=_whole("DEMO_BUYERS", 2_000, 1, 20_000),
        clients=_whole("DEMO_CLIENTS", 48, 1, 500),
        seconds=_whole("DEMO_SECONDS", 600, 1, 86_400),
        seed=_whole("DEMO_SEED", random.SystemRandom().randrange(1_000_000), 0, 2**31),
    )


def running() -> Running:
    """The running product, as described in run.json of LOCAL_DIR (RUN_JSON names another file). ConfigError if nothing runs."""
    local = Path(os.environ.get("LOCAL_DIR") or DEFAULT_LOCAL_DIR)
    path = Path(os.environ.get("RUN_JSON") or local / "run.json")
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Running(
            edge=found["edge"],
            inventory=found["inventory"],
            order=found["order"],
            promo=found["promo"],
            token=found["token"],
            webhook_secret=found["webhook_secret"],
            orders_database=found["databases"]["orders"],
        )
    except FileNotFoundError:
        raise ConfigError(f"nothing runs here ({path} does not exist): start `make run` in another terminal") from None
    except (ValueError, KeyError, TypeError) as broken:
        raise ConfigError(f"{path} is not a file of `make run`: {broken!r}") from broken


def _whole(name: str, default: int, least: int, most: int) -> int:
    raw = os.environ.get(name, str(default))
    if not raw.isdigit() or not least <= int(raw) <= most:
        raise ConfigError(f"{name}={raw} is not a whole number from {least} to {most}")
    return int(raw)
