"""`python -m tests.fault.process inventory`: a service as it is, with named points and, where asked, a shifted clock."""

from __future__ import annotations

import importlib
import sys
import time

from tests.fault import config, points

MODULES = {"inventory": "inventory_svc", "promo": "promo_svc", "order": "order_svc", "edge": "edge"}


def shift_clock(seconds: float) -> None:
    """Moves `time.time` of this process. Monotonic clocks, `datetime.now`, Postgres and Valkey keep theirs."""
    true_time = time.time
    time.time = lambda: true_time() + seconds


def main() -> None:
    """Serves until SIGTERM, as the service's own `main` does."""
    service = sys.argv[1]
    told = config.launched()
    if told.clock_s:
        shift_clock(told.clock_s)
    module = importlib.import_module(f"{MODULES[service]}.__main__")
    if told.points is not None:
        points.install(service, told.points)
    module.main()


if __name__ == "__main__":
    main()
