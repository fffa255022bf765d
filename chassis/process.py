"""Starts every service's process: the log, the settings (or one clear line that rejects them), the event loop."""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import uvloop

from chassis import config, exposition, telemetry, tracing, watchdog, workers
from chassis.config import ConfigError


class HasAddress(Protocol):
    """The part of a service's settings that is used here."""

    @property
    def address(self) -> str:
        """The host:port to listen on."""


Settings = TypeVar("Settings", bound=HasAddress)

COLLECT = (10_000, 20, 50)
"""Thresholds of the garbage collector: new objects, then collections of each generation. A request in flight has about forty
objects: with Python's default of 700 the collector took a tenth of the time of a process that rejects 5,000 requests a
second, and found nothing."""
OPEN_FILES = 65_536
"""A connection is a file. Many systems start processes with a limit of 1,024 and let them raise it."""


def run(name: str, load: Callable[[], Settings], serve: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Serves until SIGTERM; an invalid setting ends the process with one line.

    With several workers configured, this process becomes their supervisor, and each worker calls this function again.
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
    """Makes Python's garbage collector run less often, and skip objects that already exist. Repeating is safe."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def show(name: str) -> None:
    """Starts the traces and metrics of the process, according to the settings. ConfigError."""
    tracing.configure(name)
    exposition.listen(config.metrics_address(name))


def allow_many_connections() -> None:
    """Raises this process's limit of open files as far as the system allows, up to OPEN_FILES. Repeating is safe."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
