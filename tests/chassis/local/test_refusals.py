"""Obstacles to a start are reported in one line, and the exit code is 1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.local import lock, ports, wheels
from chassis.local.config import ROOT
from chassis.local.errors import CannotStart
from tests import config, servers, stack

QUICK_S = 30.0


@pytest.fixture
def local() -> Iterator[Path]:
    with servers.folder() as path:
        yield path


def refused(local: Path, **environment: str) -> str:
    """The only output line of a start that must fail."""
    result = subprocess.run(
        [sys.executable, "-m", "chassis.local"],
        cwd=ROOT,
        env={**config.load().environment, "LOCAL_DIR": str(local), **stack.free_addresses(), **environment},
        capture_output=True,
        text=True,
        timeout=QUICK_S,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert not (local / "run.json").exists()
    return result.stderr


def test_a_taken_port(local: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        line = refused(local, PROMO_ADDRESS=f"127.0.0.1:{port}")
    assert f"port {port} of the promo" in line
    assert "PROMO_ADDRESS=127.0.0.1:" in line


def test_an_unreachable_database_without_its_password(local: Path) -> None:
    line = refused(local, DATABASE_URL=f"postgresql://shop:hidden@127.0.0.1:{ports.free()}/postgres")
    assert "DATABASE_URL=postgresql://shop:***@127.0.0.1:" in line
    assert "cannot be reached" in line
    assert "hidden" not in line


def test_an_unreachable_redis(local: Path, postgres_url: str) -> None:
    line = refused(local, DATABASE_URL=postgres_url, REDIS_URL=f"redis://127.0.0.1:{ports.free()}/0")
    assert "REDIS_URL=redis://127.0.0.1:" in line
    assert "cannot be reached" in line


def test_an_address_that_is_none(local: Path) -> None:
    assert "EDGE_ADDRESS=here is not an address" in refused(local, EDGE_ADDRESS="here")


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"API_TOKEN": "a"}, "API_TOKEN must have at least 32 random characters"),
        ({"PROMO_ADDRESS": "0.0.0.0:50053"}, "PROMO_ADDRESS=0.0.0.0:50053 is not a loopback address"),
        ({"EDGE_ADDRESS": "192.168.1.7:8080"}, "ALLOW_PLAINTEXT_HTTP=on allows it"),
        ({"ORDER_METRICS_ADDRESS": "0.0.0.0:9152"}, "ALLOW_OPEN_METRICS=on allows it"),
        ({"BASE_PORT": "80"}, "BASE_PORT=80 is not a whole number from 1024 to 64000"),
    ],
)
def test_a_setting_that_would_open_a_door(local: Path, changed: dict[str, str], complaint: str) -> None:
    assert complaint in refused(local, **changed)


def test_a_second_run_in_the_same_folder(local: Path) -> None:
    with lock.held(local):
        line = refused(local)
    assert f"already running in {local} as process {os.getpid()}" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else(local: Path) -> None:
    local.chmod(0o500)
    assert f"{local} cannot be used" in refused(local)


def test_a_platform_without_a_wheel_is_told_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(CannotStart, match=r"no embedded Postgres .* set DATABASE_URL"):
        wheels.postgres()
    with pytest.raises(CannotStart, match=r"no embedded Valkey .* set REDIS_URL"):
        wheels.valkey()
