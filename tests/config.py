"""Settings of a test session, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE_TOKEN_KEY = "signs page tokens in tests, and nowhere else"


@dataclass(frozen=True)
class TestSettings:
    """Servers to test against instead of embedded ones, the programs to start instead of embedded ones (a folder that has
    bin/postgres, a redis-server), the environment that started processes inherit, and how long the state machine runs:
    `quick` or `long`."""

    __test__ = False

    database_url: str | None
    redis_url: str | None
    postgres: Path | None
    redis: Path | None
    environment: Mapping[str, str]
    profile: str


def load() -> TestSettings:
    """Reads them; the product's own settings in a developer's shell have no effect on tests."""
    product = {
        "DATABASE_URL",
        "REDIS_URL",
        "BROKER_URL",
        "API_TOKEN",
        "TICKET_KEY",
        "SEED",
        "LOCAL_DIR",
        "LOG_LEVEL",
        "WATCHDOG",
        "WEBHOOK_ALLOW_PRIVATE",
        "BASE_PORT",
        "EVENT_RETENTION_DAYS",
        "REQUEST_RETENTION_DAYS",
        "ALLOW_PLAINTEXT_GRPC",
        "ALLOW_PLAINTEXT_HTTP",
        "ALLOW_OPEN_METRICS",
    }
    product |= {"TRACES", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER_ARG"}
    processes = ("INVENTORY", "ORDER", "PROMO", "WEBHOOK", "EDGE")
    product |= {f"{name}_ADDRESS" for name in processes}
    unseen = {f"{name}_METRICS_ADDRESS": "" for name in processes}  # a test's processes do not use the known ports
    own = {
        "PAGE_TOKEN_KEY": os.environ.setdefault("PAGE_TOKEN_KEY", PAGE_TOKEN_KEY)
    }  # for servers in the test's own process
    return TestSettings(
        database_url=os.environ.get("TEST_DATABASE_URL"),
        redis_url=os.environ.get("TEST_REDIS_URL"),
        postgres=_path("TEST_POSTGRES"),
        redis=_path("TEST_REDIS"),
        environment={name: value for name, value in os.environ.items() if name not in product} | unseen | own,
        profile=os.environ.get("TEST_PROFILE", "quick"),
    )


def _path(name: str) -> Path | None:
    given = os.environ.get(name)
    return Path(given) if given else None


def short_times() -> float | None:
    """SHORT_TIMES: seconds after which the watchdog ends a process under test; None for the product's own time."""
    given = os.environ.get("SHORT_TIMES")
    return None if given is None else float(given)
