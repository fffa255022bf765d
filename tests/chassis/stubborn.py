"""`python -m tests.chassis.stubborn SECONDS`: a process whose loop runs and that does not end on request."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from chassis import telemetry, watchdog

log = telemetry.logger()


async def stay() -> None:
    """Runs for ever."""
    asked = asyncio.Event()
    watchdog.on_stop(asked.set, float(sys.argv[1]))
    log.info("stubborn.began")
    await asked.wait()
    log.info("stubborn.asked")
    await asyncio.Event().wait()


if __name__ == "__main__":
    telemetry.configure("stubborn")
    watchdog.TIMES = watchdog.Times(turn_s=0.1)
    uvloop.run(watchdog.watched(stay()))
