"""A whole run against a separate product: calls, watches, and reports the findings."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

import grpc

from chassis import client
from chassis.services import NAMES
from tests import stack as stacks
from tests.fuzz.config import Settings
from tests.fuzz.rpc import methods
from tests.fuzz.rpc.calling import Caller
from tests.fuzz.rpc.judge import Asked, Judge
from tests.fuzz.rpc.values import Pool
from tests.fuzz.rpc.watching import Watch, unsound
from tests.stack import Stack

IN_FLIGHT = 48
MOST_FINDINGS = 20
"""More of them would add nothing new."""
SHOWN_BYTES = 2_000
KIND_CHARACTERS = 60
REAL = {
    "sku": ("SERUM-30", "CREAM-50", "LIPSTICK-ROSE"),
    "location": ("berlin", "paris", "web-store"),
    "codes": ("WELCOME10",),
}
"""The data of the seeded shop; all else is harvested from answers."""


@dataclass
class Report:
    """Number of calls, their outcomes, and the findings."""

    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)
    """The first of each kind."""
    kinds: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    methods: int = 0

    def note(self, finding: str, kind: str = "") -> None:
        """Keeps a finding, and counts those like it."""
        self.kinds[kind or finding] += 1
        self.findings.setdefault(kind or finding, finding)

    def lines(self) -> list[str]:
        """Lines for the terminal."""
        rate = self.calls / self.seconds if self.seconds else 0
        head = f"{self.calls:,} calls of {self.methods} methods in {self.seconds:.0f} s ({rate:.0f} a second)"
        found = [f"{self.kinds[kind]} x {finding}" for kind, finding in self.findings.items()]
        return [head, *found, f"{len(self.findings)} kinds of findings"]


async def fuzz(stack: Stack, seed: int, seconds: float) -> Report:
    """Calls for this many seconds."""
    report = Report()
    pool = Pool(Random(seed))
    for name, known in REAL.items():
        for value in known:
            pool.add(name, value)
    async with _connected(stack) as channels:
        found = [method for name, channel in channels.items() for method in await methods.found(name, channel)]
        report.methods = len(found)
        caller, watch = Caller(channels, found, pool, Judge(pool)), Watch(stack, channels)
        watching = asyncio.create_task(watch.run(report.note))
        began = time.monotonic()
        try:
            await asyncio.gather(*(_calls(caller, seed, first, began + seconds, report) for first in range(IN_FLIGHT)))
        finally:
            report.seconds = time.monotonic() - began
            watching.cancel()
        await watch.look(report.note)
        if wrong := await unsound(channels):
            report.note(f"the audits of the seed {seed}: {wrong}")
    return report


async def _calls(caller: Caller, seed: int, first: int, until: float, report: Report) -> None:
    """Makes every IN_FLIGHT-th call, one after the other."""
    number = first
    while time.monotonic() < until and len(report.findings) < MOST_FINDINGS:
        asked, rng = caller.ask(seed, number)
        wrong = await caller.call(asked, rng)
        report.calls += 1
        if wrong:
            report.note(_shown(seed, asked, wrong), f"{asked.method.path}: {wrong[:KIND_CHARACTERS]}")
        number += IN_FLIGHT


def _shown(seed: int, asked: Asked, wrong: str) -> str:
    """All data needed to make the call again."""
    raw = (
        asked.raw.hex()
        if len(asked.raw) <= SHOWN_BYTES
        else f"{asked.raw[:SHOWN_BYTES].hex()}... ({len(asked.raw)} bytes)"
    )
    patience = f" within {asked.timeout_s} s" if asked.impatient else ""
    return f"seed {seed}, call {asked.number}: {asked.method}{patience}: {wrong}\n  bytes: {raw}"


@contextlib.asynccontextmanager
async def _connected(stack: Stack) -> AsyncIterator[dict[str, grpc.aio.Channel]]:
    channels = {name: client.connect(stack.address(name)) for name in NAMES}
    try:
        yield channels
    finally:
        for channel in channels.values():
            await channel.close()


def main(settings: Settings) -> int:
    """`python -m tests.fuzz rpc`"""
    with stacks.running(SEED="on") as stack:
        report = asyncio.run(fuzz(stack, settings.seed, settings.seconds))
    print("\n".join(["rpc:", *report.lines()]))
    return len(report.findings)
