"""How every service's process begins: logs, settings or one clear line, the loop."""

from __future__ import annotations

import gc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from chassis import telemetry
from chassis.config import ConfigError

Settings = TypeVar("Settings")


def run(name: str, load: Callable[[], Settings], serve: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Serves until SIGTERM; a setting that cannot be used ends the process with its line."""
    telemetry.configure(name)
    try:
        settings = load()
    except ConfigError as wrong:
        raise SystemExit(f"{name}: {wrong}") from None
    # What was made by now lives as long as the process: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    uvloop.run(serve(settings))
