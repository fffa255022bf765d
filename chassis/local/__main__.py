"""`python -m chassis.local`: the whole product on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import sys

from chassis import watchdog
from chassis.config import ConfigError
from chassis.local import config, lock, ports
from chassis.local.errors import CannotStart


def main() -> None:
    """Exits with 0 after a requested stop, with 1 and one line when it cannot start."""
    try:
        settings = config.load()
        with lock.held(settings.local) as descriptor:
            ports.refuse_taken(
                [(name, config.VARIABLES[name], address) for name, address in settings.addresses.items()]
            )
            from chassis.local import runner  # imports grpc and httpx, which the checks above do not need

            # It has no supervisor to restart it, so a hang is only logged.
            asyncio.run(watchdog.watched(runner.run(settings, descriptor), ends=False))
    except (CannotStart, ConfigError) as reason:
        print(f"one-stock cannot start: {reason}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
