"""How every service's process begins: logs, settings or one clear line, the loop."""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import uvloop

from chassis import config, exposition, telemetry, tracing, watchdog, workers
from chassis.config import ConfigError


class HasAddress(Protocol):
    """The part of a service's settings that matters here."""

    @property
    def address(self) -> str:
        """host:port to listen on."""


Settings = TypeVar("Settings", bound=HasAddress)

COLLECT = (10_000, 20, 50)
"""Objects more than before, and rounds of each generation, until the next. A request in flight is some forty objects: at
Python's own 700 the collector took a tenth of the time of a process that refuses 5,000 requests a second, and found nothing."""
OPEN_FILES = 65_536
"""A connection is a file. Systems start processes with as few as 1,024 and let them ask for more."""


def run(name: str, load: Callable[[], Settings], serve: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Serves until SIGTERM; a setting that cannot be used ends the process with its line.

    With several workers wanted, this process becomes their supervisor and each of them comes here again.
    """
    telemetry.configure(name)
    allow_many_connections()
    try:
        settings = load()
        config.lame_duck_s()
        config.reflection()
        config.page_token_key()
        config.kept_days()
        config.watchdog()
        workers.divide(name, settings.address)
        show(name)
    except ConfigError as wrong:
        raise SystemExit(f"{name}: {wrong}") from None
    workers.end_with_supervisor()
    calm_collector()
    uvloop.run(watchdog.watched(serve(settings)))


def calm_collector() -> None:
    """Lets Python's collector of cycles look less often, and never at what lives as long as the process. Repeating is safe."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def show(name: str) -> None:
    """Begins to show what the process does: its traces and metrics, as the settings ask. ConfigError."""
    tracing.configure(name)
    exposition.listen(config.metrics_address(name))


def allow_many_connections() -> None:
    """Raises this process's limit of open files as far as the system lets it, up to OPEN_FILES. Repeating is safe."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
