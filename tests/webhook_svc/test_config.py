"""Settings of webhook_svc."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chassis.config import ConfigError
from webhook_svc import config


@pytest.fixture(autouse=True)
def required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/postgres")
    monkeypatch.setenv("REDIS_URL", "redis://localhost/0")
    for name in ("WEBHOOK_ALLOW_PRIVATE", "WEBHOOK_ADDRESS", "WEBHOOK_GIVEN_UP_AFTER_H", "WEBHOOK_TIMEOUT_MS"):
        monkeypatch.delenv(name, raising=False)


def test_inside_addresses_are_refused_unless_somebody_allows_them() -> None:
    settings = config.load()
    assert settings.allow_private is False
    assert (settings.address, settings.given_up_after) == ("127.0.0.1:50054", timedelta(hours=72))
    assert settings.database_url == "postgresql://localhost/webhooks"
    assert settings.timeout_s == 15.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOK_ALLOW_PRIVATE", "yes"),
        ("WEBHOOK_GIVEN_UP_AFTER_H", "0"),
        ("WEBHOOK_GIVEN_UP_AFTER_H", "721"),
        ("WEBHOOK_TIMEOUT_MS", "soon"),
        ("WEBHOOK_TIMEOUT_MS", "30001"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name):
        config.load()
