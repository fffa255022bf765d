"""`.local/run.json`: addresses and secrets of the current run, for scripts. The file exists while the product is ready."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from chassis import services
from chassis.local.child import Child
from chassis.local.config import Settings
from chassis.local.kept import write_private

NAME = "run.json"


class CannotRead(Exception):
    """The file cannot be read; the text is one line that says why."""


def running(local: Path) -> dict[str, Any]:
    """The content of run.json in the `.local` folder. CannotRead when nothing runs."""
    path = local / NAME
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise CannotRead(f"nothing runs here ({path} does not exist): start `make run` in another terminal") from None
    except PermissionError:
        raise CannotRead(f"{path} belongs to another account: run as that account") from None
    return found


class RunFile:
    """Writes the file at the first `publish`, and again whenever a pid changes."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._path: Path = settings.local / NAME
        self._settings = settings
        self._environment = environment
        self._children: Sequence[Child] = ()
        self.remove()

    def publish(self, children: Sequence[Child]) -> None:
        """Writes the file for the first time, when all processes are ready."""
        self._children = children
        self.refresh()

    def refresh(self) -> None:
        """Writes the current pids, after the first `publish`."""
        if self._children:
            write_private(self._path, self._document())

    def remove(self) -> None:
        """Removes the file, when the run ends."""
        self._children = ()
        self._path.unlink(missing_ok=True)

    def _document(self) -> Mapping[str, Any]:
        database_url = urlsplit(self._environment["DATABASE_URL"])
        return {
            "edge": self._settings.edge_url,
            **{service: self._settings.addresses[service].reachable for service in services.NAMES},
            "metrics": self._settings.metrics,
            "database": self._environment["DATABASE_URL"],
            "databases": {
                name: urlunsplit(database_url._replace(path=f"/{name}")) for name in services.DATABASES.values()
            },
            "redis": self._environment["REDIS_URL"],
            "token": self._environment["API_TOKEN"],
            "webhook_secret": self._environment["SANDBOX_WEBHOOK_SECRET"],
            "pids": {child.name: child.pid for child in self._children if child.pid is not None},
        }
