"""`tests.chassis.answering` as a process whose log lines a test waits for."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import psutil  # type: ignore[import-untyped]

from chassis.local.config import ROOT
from tests import config

WITHIN_S = 60.0


class RunningService:
    """One `python -m tests.chassis.answering`, with or without a supervisor."""

    def __init__(self, process: Process, address: str) -> None:
        self.process, self.address = process, address
        self.lines: list[dict[str, Any]] = []

    async def says(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        """Reads its log until `event` has occurred `times` times since the last call; returns those lines."""
        assert self.process.stderr is not None
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(WITHIN_S):
            while len(found) < times:
                raw = await self.process.stderr.readline()
                assert raw, f"it ended before it said {event}: {self.lines}"
                self.lines.append(orjson.loads(raw))
                found += [self.lines[-1]] if self.lines[-1]["event"] == event else []
        return found

    def workers(self) -> list[psutil.Process]:
        """Its current workers."""
        found: list[psutil.Process] = psutil.Process(self.process.pid).children()
        return found

    async def ended(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(WITHIN_S):
            return await self.process.wait()


async def start(address: str, workers: int, **environment: str) -> RunningService:
    """Starts it; it may not answer yet."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chassis.answering"),
        cwd=ROOT,
        env={
            **config.load().environment,
            "INVENTORY_ADDRESS": address,
            "INVENTORY_WORKERS": str(workers),
            **environment,
        },
        stderr=PIPE,
    )
    return RunningService(process, address)


@asynccontextmanager
async def running(address: str, workers: int, **environment: str) -> AsyncIterator[RunningService]:
    """Every worker answers inside; afterwards the service has ended."""
    service = await start(address, workers, **environment)
    try:
        await service.says("server.ready", workers)
        yield service
    finally:
        if service.process.returncode is None:
            service.process.terminate()
            await service.ended()
