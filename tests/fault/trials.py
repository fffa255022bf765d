"""Runs the faults of one wave after each other, waits once for their leftovers, judges each fault by its own goods."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import grpc

from tests.fault import books, cluster, healing, oracle, shop
from tests.fault.cluster import Cluster
from tests.fault.config import Settings
from tests.fault.faults.fault import Fault
from tests.fault.generator import REQUESTS_PER_JOURNEY, Generators
from tests.fault.healing import STRANDED_AFTER_S, Drain
from tests.fault.journeys import Spec
from tests.fault.ledger import Ledger
from tests.fault.oracle import Verdict
from tests.fault.orders import Trickle
from tests.fault.scene import Scene

Say: TypeAlias = Callable[[str], None]
BEFORE_S = 2.0
"""Load before and after the fault, in seconds of answers at the wanted rate."""
ORDERS = 20
"""Orders before and after the fault, if whole orders are placed."""
HOT_FOR_S = 4.0
"""The hot sku sells out after about this many seconds of load."""


@dataclass(slots=True)
class Row:
    """One fault over all its tries."""

    fault: str
    tries: int = 0
    requests: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    healthy_s: float = 0.0
    """The longest of its tries."""
    failed: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """True if all numbers that must be zero are zero."""
        return self.verdict.clean and not self.failed


@dataclass(frozen=True, slots=True)
class Trial:
    """One try after its load, before the judgment."""

    row: Row
    scene: Scene
    ledger: Ledger


async def wave(settings: Settings, faults: Sequence[Fault], say: Say) -> list[Row]:
    """All tries of some faults, on one cluster; if a try aborts, the remaining ones get a new cluster."""
    rows = {fault.name: Row(fault.name) for fault in faults}
    left = [(fault, number) for fault in faults for number in range(settings.tries)]
    while left:
        async with cluster.running(settings) as running, _generators(settings) as generators:
            await _opened(running)
            trials: list[Trial] = []
            while left:
                fault, number = left.pop(0)
                row = rows[fault.name]
                if fault.hides:
                    await _levelled(running, trials)
                try:
                    trials.append(await _try(settings, running, generators, fault, number, row))
                except Exception as ended:
                    row.tries += 1
                    row.failed.append(f"aborted: {ended!r}")
                    say(f"{fault.name}: {ended!r}")
                    break
                say(f"{fault.name}: {trials[-1].ledger.requests} requests, healthy after {row.healthy_s:.1f} s")
            await _judge(running, trials, say)
    return list(rows.values())


@asynccontextmanager
async def _generators(settings: Settings) -> AsyncIterator[Generators]:
    generators = Generators(settings.clients)
    try:
        yield generators
    finally:
        await asyncio.to_thread(generators.close)


async def _opened(running: Cluster) -> None:
    """Creates the location and waits for a first acknowledgement."""
    async with grpc.aio.insecure_channel(running.addresses["inventory"]) as channel:
        await shop.opened(channel)
    await healing.acknowledged(running.addresses["inventory"], "start")


async def _try(
    settings: Settings, running: Cluster, generators: Generators, fault: Fault, number: int, row: Row
) -> Trial:
    run = f"{fault.name.upper()}.{number}"
    address = running.addresses["inventory"]
    spec = fault.load(Spec(run, address, settings.rate, "", ()))
    async with grpc.aio.insecure_channel(address) as channel:
        journeys_per_s = spec.rate / REQUESTS_PER_JOURNEY
        hot_units = int(journeys_per_s * spec.hot_share * HOT_FOR_S)
        goods = await shop.goods(channel, run, hot_units, max(20, hot_units // 10))
    trickle = None
    if fault.shop:
        await running.open_shop()
        trickle = Trickle(running, run)
        await trickle.begin()
    scene = Scene(running, settings, generators, run, goods, trickle)
    generators.begin(dataclasses.replace(spec, hot=goods.hot, skus=goods.skus))
    try:
        well_at = await _acted(scene, fault, spec)
        if trickle is not None:
            await trickle.end()
    except Exception:
        if trickle is not None:
            await trickle.abandon()
        await generators.end()
        raise
    ledger = await generators.end()
    for check in scene.afterwards:
        check(ledger)
    row.tries += 1
    row.requests += ledger.requests
    row.healthy_s = max(row.healthy_s, well_at - scene.healed_at)
    row.failed += scene.failed
    row.told += scene.told
    row.failed += [f"{count} x {what}" for what, count in ledger.outcomes.items() if what.startswith("bug")]
    return Trial(row, scene, ledger)


async def _acted(scene: Scene, fault: Fault, spec: Spec) -> float:
    """Load, the fault, load again; returns the monotonic time of the first good answers after it."""
    await _in_the_middle(scene, spec.rate)
    await fault.act(scene)
    scene.healed_at = scene.healed_at or time.monotonic()
    well_at = await healing.acknowledged(spec.address, scene.run)
    if scene.trickle is not None:
        await scene.trickle.placed(1)
        well_at = time.monotonic()
    await _in_the_middle(scene, spec.rate)
    return well_at


async def _in_the_middle(scene: Scene, rate: float) -> None:
    await scene.more_answers(rate * BEFORE_S / 2)
    if scene.trickle is not None:
        await scene.trickle.placed(ORDERS)


async def _levelled(running: Cluster, trials: Sequence[Trial]) -> None:
    """Waits until gate and journal agree on the goods of all tries so far; a remaining difference is stranded."""
    runs = {trial.scene.run: list(trial.scene.goods.stock) for trial in trials}
    left = await Drain(running, runs).level(time.monotonic() + STRANDED_AFTER_S)
    for trial in trials:
        for each in left.get(trial.scene.run, []):
            trial.row.verdict.stranded += 1
            trial.row.verdict.note(each)


async def _judge(running: Cluster, trials: Sequence[Trial], say: Say) -> None:
    runs = {trial.scene.run: list(trial.scene.goods.stock) for trial in trials}
    began = time.monotonic()
    left = await Drain(running, runs).wait(began + STRANDED_AFTER_S)
    say(f"drained after {time.monotonic() - began:.1f} s")
    for trial in trials:
        run, row = trial.scene.run, trial.row
        found = await asyncio.to_thread(books.read, running.database("inventory"), run, runs[run])
        verdict = oracle.judge(trial.ledger.entries, trial.scene.goods.stock, found)
        open_now = left.get(run, []) + (left.get("", []) if trial is trials[-1] else [])
        verdict.stranded += len(open_now)
        for each in open_now:
            verdict.note(each)
        row.verdict.join(verdict)
        if trial.scene.trickle is not None:
            row.verdict.join(await trial.scene.trickle.judged(trial.scene.healed_at))
            trickle = trial.scene.trickle
            row.told.append(f"{len(trickle.replies)} answers to orders, retried after {dict(trickle.troubles)}")
