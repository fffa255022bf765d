"""One attack on a separate product: calm, the attack, calm again; measures the caller and the edge's memory."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

import psutil  # type: ignore[import-untyped]

from tests import config
from tests.siege.caller import Caller, Observed
from tests.siege.target import Target
from tests.stack import Stack

READY_WITHIN_S = 60.0
SAMPLE_S = 0.25
WARM_UP_S = 3.0
"""Caches, pools and connections fill before the edge's memory is measured."""
CALM_WITHIN_S = 30.0
"""After the end of an attack, memory and callers must be back to normal within this time."""
P99_MS = 250.0
MOST_GROWTH_MIB = 200.0
BACK_WITHIN_MIB = 64.0
"""Tolerance above the memory before the attack: an allocator keeps some pages."""
MIB = 2**20


@dataclass(frozen=True)
class Verdict:
    """One row of the table. Milliseconds are the caller's (with the token), MiB those of the edge's process."""

    attack: str
    calls: int
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    failures: dict[str, int]
    probes: int
    probe_p99_ms: float
    probe_failures: dict[str, int]
    before_mib: float
    most_mib: float
    after_mib: float

    @property
    def complaints(self) -> list[str]:
        """The promises that did not hold."""
        found = []
        if self.p99_ms >= P99_MS:
            found.append(f"p99 {self.p99_ms:.0f} ms")
        if self.failures:
            found.append(f"failures {self.failures}")
        if self.probe_failures:
            found.append(f"/healthz failed {self.probe_failures}")
        if self.most_mib - self.before_mib >= MOST_GROWTH_MIB:
            found.append(f"grew by {self.most_mib - self.before_mib:.0f} MiB")
        if self.after_mib - self.before_mib >= BACK_WITHIN_MIB:
            found.append(f"kept {self.after_mib - self.before_mib:.0f} MiB")
        return found

    def document(self) -> dict[str, object]:
        """The row for the results file."""
        return {**asdict(self), "holds": not self.complaints, "complaints": self.complaints}


class Memory:
    """Memory of the edge's process, and the maximum of the samples."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.most_mib = 0.0

    def now_mib(self) -> float:
        """0 if there is no such process: it has died, which the caller's failures show."""
        pid = self._stack.pid("edge")
        try:
            return float(psutil.Process(pid).memory_info().rss / MIB) if pid is not None else 0.0
        except psutil.NoSuchProcess:
            return 0.0

    async def watch(self) -> None:
        """Samples until cancelled."""
        while True:
            self.most_mib = max(self.most_mib, self.now_mib())
            await asyncio.sleep(SAMPLE_S)


async def besieged(stack: Stack, name: str, seconds: float, scale: float = 1.0) -> Verdict:
    """Runs one attack. The stack's own skus and location need not exist."""
    caller, memory = Caller(stack), Memory(stack)
    try:
        await caller.open()
        target = Target(stack.edge, stack.address("inventory"), str(stack.run["token"]), await caller.ticket(), scale)
        await asyncio.gather(caller.calls(WARM_UP_S), caller.probes(WARM_UP_S))
        before_mib = memory.now_mib()
        watching = asyncio.create_task(memory.watch())
        async with attacking(name, target):
            calls, probes = await asyncio.gather(caller.calls(seconds), caller.probes(seconds))
        after_mib = await calm(memory, before_mib)
        watching.cancel()
    finally:
        await caller.close()
    return verdict(name, calls, probes, (before_mib, memory.most_mib, after_mib))


async def calm(memory: Memory, before_mib: float) -> float:
    """The memory once it is back to normal, or at the end of the time for that."""
    loop = asyncio.get_running_loop()
    end = loop.time() + CALM_WITHIN_S
    while memory.now_mib() - before_mib >= BACK_WITHIN_MIB and loop.time() < end:
        await asyncio.sleep(SAMPLE_S)
    return memory.now_mib()


def verdict(name: str, calls: Observed, probes: Observed, memory_mib: tuple[float, float, float]) -> Verdict:
    """Builds the row."""
    return Verdict(
        attack=name,
        calls=len(calls.seconds),
        p50_ms=round(calls.quantile_ms(0.5), 1),
        p99_ms=round(calls.quantile_ms(0.99), 1),
        slowest_ms=round(calls.quantile_ms(1), 1),
        failures=calls.failures,
        probes=len(probes.seconds),
        probe_p99_ms=round(probes.quantile_ms(0.99), 1),
        probe_failures=probes.failures,
        before_mib=round(memory_mib[0], 1),
        most_mib=round(memory_mib[1], 1),
        after_mib=round(memory_mib[2], 1),
    )


@asynccontextmanager
async def attacking(name: str, target: Target) -> AsyncIterator[Process]:
    """The attack holds within the block. Its process ends with the block, or with this process."""
    command = (sys.executable, "-m", "tests.siege.attack", name, target.argument())
    attacker = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, env=dict(config.load().environment)
    )
    assert attacker.stdout is not None and attacker.stdin is not None
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            said = await attacker.stdout.readline()
        assert said == b"ready\n", f"the attack {name} could not start"
        yield attacker
        assert attacker.returncode is None, f"the attack {name} ended too early"
    finally:
        if attacker.returncode is None:
            attacker.kill()
        await attacker.wait()
