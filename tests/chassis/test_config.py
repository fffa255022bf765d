"""Settings that every process reads: its address, who may reach it, and the token."""

from __future__ import annotations

import pytest

from chassis import config
from chassis.config import ConfigError, KeptDays

PROCESSES = ("edge", "inventory", "order", "promo", "webhook")
RANDOM = "Zk3vQ9-xT_7bLw1RcY5dHj8sMf2GpNaE"
OPEN = ("0.0.0.0:9000", ":9000", "[::]:9000", "192.168.1.7:9000", "shop.internal:9000", "[2001:db8::1]:9000")
CLOSED = ("127.0.0.1:9000", "127.0.0.9:9000", "localhost:9000", "[::1]:9000")


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the variables of the shell that runs the tests."""
    names = [f"{process.upper()}_{kind}" for process in PROCESSES for kind in ("ADDRESS", "METRICS_ADDRESS")]
    for name in (
        *names,
        *config.RISKS,
        "BASE_PORT",
        "API_TOKEN",
        "WORKER_NUMBER",
        "EVENT_RETENTION_DAYS",
        "REQUEST_RETENTION_DAYS",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("address", OPEN)
def test_an_address_that_others_reach_is_refused_unless_a_setting_allows_it(
    monkeypatch: pytest.MonkeyPatch, process: str, address: str
) -> None:
    permit = config.PLAINTEXT_HTTP if process == "edge" else config.PLAINTEXT_GRPC
    name = f"{process.upper()}_ADDRESS"
    monkeypatch.setenv(name, address)
    with pytest.raises(ConfigError) as refused:
        config.listening_address(process)
    line = str(refused.value)
    assert line.startswith(f"{name}={address} is not a loopback address. {config.RISKS[permit]}.")
    assert line.endswith(f"{permit}=on allows it")
    assert "\n" not in line
    assert config.address(process) == address  # the caller permits it
    monkeypatch.setenv(permit, "on")
    assert config.listening_address(process) == address


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("address", [address for address in OPEN if not address.startswith(":")])
def test_metrics_that_others_reach_are_refused_unless_a_setting_allows_it(
    monkeypatch: pytest.MonkeyPatch, process: str, address: str
) -> None:
    monkeypatch.setenv(f"{process.upper()}_METRICS_ADDRESS", address)
    with pytest.raises(ConfigError, match="ALLOW_OPEN_METRICS=on allows it"):
        config.metrics_address(process)
    monkeypatch.setenv("ALLOW_OPEN_METRICS", "on")
    assert config.metrics_address(process) == address


@pytest.mark.parametrize("address", CLOSED)
def test_loopback_needs_no_permission(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for process in PROCESSES:
        monkeypatch.setenv(f"{process.upper()}_ADDRESS", address)
        monkeypatch.setenv(f"{process.upper()}_METRICS_ADDRESS", address)
        assert (config.listening_address(process), config.metrics_address(process)) == (address, address)


@pytest.mark.parametrize("permit", config.RISKS)
def test_a_permission_is_on_or_off(monkeypatch: pytest.MonkeyPatch, permit: str) -> None:
    monkeypatch.setenv(permit, "yes")
    with pytest.raises(ConfigError, match=f"{permit}=yes is neither on nor off"):
        config.switch(permit)


@pytest.mark.parametrize(
    "token",
    ["", "a", "hunter2", RANDOM[:31], "a" * 64, "abcdefghi" * 8, "with blank " + RANDOM, RANDOM + "\n", RANDOM + "é"],
)
def test_a_token_that_could_be_guessed_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("API_TOKEN", token)
    with pytest.raises(ConfigError, match="API_TOKEN must") as refused:
        config.api_token()
    assert len(token) < 7 or token not in str(refused.value)


def test_a_token_of_32_random_characters_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", RANDOM)
    assert config.api_token() == RANDOM


def test_one_base_port_moves_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_PORT", "21000")
    assert [config.address(process) for process in PROCESSES] == [f"127.0.0.1:{21000 + n}" for n in range(5)]
    assert [config.metrics_address(process) for process in PROCESSES] == [f"127.0.0.1:{21100 + n}" for n in range(5)]
    assert config.metrics_address("order", worker=2) == "127.0.0.1:21122"
    monkeypatch.setenv("ORDER_ADDRESS", "127.0.0.1:7")
    assert config.address("order") == "127.0.0.1:7"
    monkeypatch.delenv("BASE_PORT")
    assert (config.address("edge"), config.address("webhook")) == ("127.0.0.1:8080", "127.0.0.1:50054")


def test_no_two_ports_of_a_base_port_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_PORT", str(config.MOST_BASE_PORT))
    workers = range(config.MOST_WORKERS)
    used = [config.address(process) for process in PROCESSES]
    used += [config.metrics_address(process, worker) for process in PROCESSES for worker in workers]
    ports = {int(address.rpartition(":")[2]) for address in used}
    assert (len(ports), max(ports) < 65_536) == (len(used), True)


@pytest.mark.parametrize("base", ["80", "64001", "here", ""])
def test_a_base_port_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.setenv("BASE_PORT", base)
    with pytest.raises(ConfigError, match="BASE_PORT="):
        config.address("edge")


def test_what_was_handled_is_known_for_longer_than_any_event_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.kept_days() == KeptDays(event_days=7, request_days=30)
    for days, known in (("1", 8), ("7", 8), ("90", 91)):
        monkeypatch.setenv("EVENT_RETENTION_DAYS", days)
        assert config.kept_days().inbox_days == known


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVENT_RETENTION_DAYS", "0"),
        ("EVENT_RETENTION_DAYS", "366"),
        ("REQUEST_RETENTION_DAYS", "3"),
        ("REQUEST_RETENTION_DAYS", "long"),
    ],
)
def test_a_retention_that_cannot_be_used_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"{name}={value} is not a whole number from "):
        config.kept_days()
