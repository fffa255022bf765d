"""One seed: a safety phase full of faults, then healing, then the liveness phase, all checked by the oracle."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import structlog

from tests.sim.chaos import Chaos
from tests.sim.clients import Clients
from tests.sim.process import Process
from tests.sim.site import Site
from tests.sim.tactics import Tactics
from tests.sim.wire import Rates

ROUNDS_S = (2.0, 31.0, 31.0, 24.0)
"""Pauses between the jobs' rounds after the last fault: 88 s in all, within the 90 s of I6."""
LATER_S = 700.0
"""After this the gate forgets committed claims, which must change nothing."""

STALLS = 0.02
REVISITS = 0.01
EXCHANGES = 0.01
RESTORES = 0.01
"""Probability that an act is one of these plays."""


@dataclass
class Mutation:
    """A removed safeguard."""

    name: str
    site: Callable[[Site], None] = field(default=lambda _site: None)
    process: Callable[[Process], None] = field(default=lambda _process: None)


@dataclass
class Outcome:
    """The result of one seed."""

    seed: int
    violations: list[str]
    operations: int
    steps: int
    tally: Counter[str]
    paths: Counter[str]


def play(seed: int, mutation: Mutation | None = None, trace: Callable[[str], None] | None = None) -> Outcome:
    """Plays one seed; the same seed gives the same run."""
    loud = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    try:
        return Scenario(seed, mutation or Mutation("nothing"), trace).play()
    finally:
        structlog.configure(**loud)


class Scenario:
    """The processes, clients and faults of one seed."""

    def __init__(self, seed: int, mutation: Mutation, trace: Callable[[str], None] | None) -> None:
        self._seed = seed
        self._random = Random(seed)
        self._mutation = mutation
        self._site = Site(self._random, self._rates(), trace)
        mutation.site(self._site)
        self._keys = [f"s{number}" for number in range(self._random.randint(1, 4))]
        self._clients = Clients(self._site, self._keys)
        self._processes: list[Process] = []

    def play(self) -> Outcome:
        """Runs it and closes the rest, outside of the simulated time."""
        site = self._site
        try:
            site.loop.run(self._main())
        except Exception as failed:
            site.oracle.broken("bug", f"the simulation ended: {failed!r}")
        for task in site.loop.unfinished():
            _end(task)
        return Outcome(
            self._seed, site.oracle.violations, self._clients.begun, site.loop.steps, site.tally, site.oracle.paths
        )

    def _rates(self) -> Rates:
        def some(most: float) -> float:
            return self._random.random() * most if self._random.random() < 0.5 else 0.0

        return Rates(request_lost=some(0.1), reply_lost=some(0.1), late=some(0.05), slow=some(0.1))

    def _process(self, name: str, skew_ms: int = 0) -> Process:
        process = Process(self._site, name, skew_ms)
        self._mutation.process(process)
        return process

    async def _main(self) -> None:
        site, random = self._site, self._random
        for key in self._keys:
            site.journal.change("opening", key, random.randint(0, 8))
            site.journal.levels[key].backorder_limit = random.choice((0, 0, 0, 2))
        site.journal.noted.clear()
        self._processes += [self._process(f"p{number}") for number in range(1, random.randint(2, 3) + 1)]
        chaos = Chaos(site, self._processes, self._process)
        site.wire.calm = True
        for process in self._processes:
            await process.start(process.epochs.watch())
        site.wire.calm = False
        tactics = Tactics(site, self._clients, chaos, self._processes)
        for _ in range(random.randint(10, 40)):
            roll = random.random()
            if roll < STALLS:
                await tactics.stall()
            elif roll < STALLS + REVISITS:
                await tactics.revisit()
            elif roll < STALLS + REVISITS + EXCHANGES:
                await tactics.exchange()
            elif roll < STALLS + REVISITS + EXCHANGES + RESTORES:
                await tactics.restore()
            else:
                self._act(chaos)
                await asyncio.sleep(self._pause_s())
        chaos.heal()
        await self._liveness()
        site.oracle.books()

    def _act(self, chaos: Chaos) -> None:
        process = self._random.choice(self._processes)
        roll = self._random.random()
        if roll < 0.30:
            for _ in range(self._random.choice((1, 1, 1, 3))):
                self._clients.reserve_new(self._random.choice(self._processes))
        elif roll < 0.42:
            self._clients.repeat(process)
        elif roll < 0.60:
            self._clients.settle(process)
        elif roll < 0.68:
            self._clients.change(process)
        elif roll < 0.86:
            self._clients.job(process)
        elif roll < 0.89:
            self._clients.cancel()
        elif roll < 0.92:
            self._site.save()
        else:
            chaos.strike()

    def _pause_s(self) -> float:
        roll, size = self._random.random(), self._random.random()
        if roll < 0.75:
            return size * 0.02
        if roll < 0.93:
            return size * 2.0
        return size * 40.0 if roll < 0.985 else 650.0

    async def _liveness(self) -> None:
        """Every process runs its jobs; within 90 s gate = journal, and it stays that way."""
        site = self._site
        for pause_s in ROUNDS_S:
            await asyncio.sleep(pause_s)
            await self._round()
        site.oracle.in_step("90 s after the last fault")
        await asyncio.sleep(LATER_S)
        for _ in range(2):
            await self._round()
        site.oracle.in_step("long after the last fault")

    async def _round(self) -> None:
        for process in self._processes:
            for job in process.jobs:
                task = process.start(_job(job))
                await task


async def _job(job: Callable[[], object]) -> None:
    try:
        await job()  # type: ignore[misc]
    except Exception:  # a failed job runs again in the next round, as in chassis.jobs
        return


def _end(task: asyncio.Task[object]) -> None:
    coroutine = task.get_coro()
    try:
        coroutine.close()
    except Exception:  # its clean-up cannot await anything, and no longer needs to
        return
