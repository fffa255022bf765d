"""`python -m tests.fault.process inventory`: an unchanged service with named points and, on request, a shifted clock."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

from chassis import services
from tests.fault import config, points

PRODUCT = ("chassis", *services.PACKAGES.values())


class Clock:
    """The module `time` with another wall clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def time(self) -> float:
        """Seconds since 1970, shifted."""
        return time.time() + self._seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def shift_clock(seconds: float) -> None:
    """Moves the wall clock, `time.time`, of the product's modules.

    gRPC's own clock is unchanged: it computes deadlines with two clocks that a real host would move together. Monotonic
    clocks, `datetime.now`, Postgres and Valkey keep theirs.
    """
    clock = Clock(seconds)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in PRODUCT and getattr(module, "time", None) is time:
            setattr(module, "time", clock)  # noqa: B010 - mypy knows no such attribute of a module


def main() -> None:
    """Serves until SIGTERM, as the service's own `main` does."""
    service = sys.argv[1]
    told = config.launched()
    module = importlib.import_module(f"{services.PACKAGES[service]}.__main__")
    if told.clock_s:
        shift_clock(told.clock_s)
    if told.points is not None:
        points.install(service, told.points)
    module.main()


if __name__ == "__main__":
    main()
