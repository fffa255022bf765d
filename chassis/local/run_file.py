"""`.local/run.json`: what scripts need to know of the run that is going on. It is there while the product is ready."""

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
    """Nothing runs there; its text is one line."""


def running(local: Path) -> dict[str, Any]:
    """What run.json in the `.local` folder says. CannotRead when nothing runs."""
    path = local / NAME
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise CannotRead(f"nothing runs here ({path} does not exist): start `make run` in another terminal") from None
    except PermissionError:
        raise CannotRead(f"{path} belongs to another account: run as that one") from None
    return found


class RunFile:
    """Writes the file, and again whenever a pid has changed, but not before the first `publish`."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._path: Path = settings.local / NAME
        self._settings = settings
        self._environment = environment
        self._children: Sequence[Child] = ()
        self.remove()

    def publish(self, children: Sequence[Child]) -> None:
        """All is ready: from now on the file is there."""
        self._children = children
        self.refresh()

    def refresh(self) -> None:
        """Writes the pids as they are now."""
        if self._children:
            write_private(self._path, self._document())

    def remove(self) -> None:
        """Nothing is running any more."""
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
