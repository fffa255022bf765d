"""How every service's process begins: logs, settings or one clear line, the loop."""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from chassis import telemetry
from chassis.config import ConfigError

Settings = TypeVar("Settings")

OPEN_FILES = 65_536
"""A connection is a file. Systems start processes with as few as 1,024 and let them ask for more."""


def run(name: str, load: Callable[[], Settings], serve: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Serves until SIGTERM; a setting that cannot be used ends the process with its line."""
    telemetry.configure(name)
    allow_many_connections()
    try:
        settings = load()
    except ConfigError as wrong:
        raise SystemExit(f"{name}: {wrong}") from None
    # What was made by now lives as long as the process: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    uvloop.run(serve(settings))


def allow_many_connections() -> None:
    """Raises this process's limit of open files as far as the system lets it, up to OPEN_FILES. Repeating is safe."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
