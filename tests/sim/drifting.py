"""A gate that drifts without another sign: a replica confirms changes by hand, then the old primary is back.

Runs the real `Auditor` beside clients, crashes and lost messages, and checks that gate = journal at the end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any, cast

import structlog

from chassis.gate.auditor import Auditor
from chassis.gate.world import World
from tests.sim.audit_links import AuditGateLink, AuditJournalLink, AuditStore
from tests.sim.clients import Clients
from tests.sim.process import Process
from tests.sim.scenario import _end, _job
from tests.sim.site import Site
from tests.sim.wire import Rates

KEYS = ("a", "b", "c")
BUSY, QUIET = 70, 120
"""Rounds of every process's jobs after the drift, some seconds apart: first with buyers, then without. A deficit is only
certain when no buyer takes for a moment; three checks take time, and more if another process takes over."""


@dataclass
class Played:
    """The result of one seed."""

    violations: list[str]
    rebuilds: int
    drifted: dict[str, int]
    told: Counter[str]


class Drifting:
    """One seed. `audits` False removes the audit."""

    def __init__(self, seed: int, audits: bool, drifts: bool) -> None:
        self._random = Random(seed)
        self._audits = audits
        self._drifts = drifts
        some = 0.03 if seed % 2 else 0.0
        self._site = Site(self._random, Rates(request_lost=some, reply_lost=some, slow=some), None)
        setattr(self._site.oracle, "step", lambda: None)  # noqa: B010 - I5 is deliberately violated here for a while
        self._store = AuditStore()
        self._clients = Clients(self._site, list(KEYS))
        self._auditors: dict[Process, Auditor] = {}
        self._processes: list[Process] = []
        self._drifted: dict[str, int] = {}

    def play(self) -> Played:
        """Runs it in virtual time."""
        try:
            self._site.loop.run(self._main())
        finally:
            for task in self._site.loop.unfinished():
                _end(task)
        told = Counter(type for type, _ in self._store.told)
        return Played(self._site.oracle.violations, self._site.tally["rebuilds"], self._drifted, told)

    def _process(self, name: str) -> Process:
        site = self._site
        process = Process(site, name, self._random.randint(-5_000, 5_000))
        gate = cast(Any, AuditGateLink(site, process.host))
        journal = cast(Any, AuditJournalLink(site, self._store, process.host))
        world = World(wall_ms=process.now_ms, monotonic_s=site.loop.time, token=lambda: name)
        self._auditors[process] = Auditor(journal, gate, gate, process.epochs, "inventory.audit", world)
        return process

    async def _main(self) -> None:
        site = self._site
        for key in KEYS:
            site.journal.change("opening", key, 40)
        site.journal.noted.clear()
        self._processes += [self._process(f"p{number}") for number in range(2)]
        site.wire.calm = True
        for process in self._processes:
            await process.start(process.epochs.watch())
        site.wire.calm = False
        for _ in range(5):
            await self._round(2.0)
        if self._drifts:
            await self._heal_to_the_old_primary()
        before = site.tally["rebuilds"]
        for number in range(BUSY + QUIET):
            await self._round(self._random.uniform(1.0, 8.0), buyers=number < BUSY)
            if number == BUSY // 2:
                self._crash()
        site.wire.calm = True
        for pause_s in (31.0, 61.0, 5.0):
            await asyncio.sleep(pause_s)
            await self._jobs()
        site.tally["rebuilds"] -= before
        site.oracle.in_step("at the end")
        site.oracle.books()

    async def _round(self, pause_s: float, buyers: bool = True) -> None:
        for _ in range(self._random.randint(0, 4) if buyers else 0):
            process = self._random.choice(self._processes)
            self._random.choice((self._clients.reserve_new, self._clients.settle))(process)
        await self._jobs()
        await asyncio.sleep(pause_s)

    async def _jobs(self) -> None:
        for process in self._processes:
            jobs = [*process.jobs, self._auditors[process].run_once] if self._audits else [*process.jobs]
            for job in jobs:
                await process.start(_job(job))

    async def _heal_to_the_old_primary(self) -> None:
        """Within one round of the watch, and before a request that would notice it."""
        site, process = self._site, self._processes[0]
        await asyncio.sleep(90.0)
        await self._jobs()
        old = site.primary
        site.restart_gate("all")
        site.wire.calm = True
        key, units = self._random.choice(KEYS), self._random.choice((-3, -1, 2, 4))
        level = site.journal.levels[key]
        before = level.on_hand
        await process.start(process.change("change-drift", key, units))
        self._drifted[key] = level.on_hand - before
        site.wire.calm = False
        site.primary = old

    def _crash(self) -> None:
        """Ends one process in the middle of its work, perhaps in a round; another takes over."""
        old = self._processes[1]
        old.crash()
        del self._auditors[old]
        self._processes[1] = self._process("p9")


def play(seed: int, *, audits: bool = True, drifts: bool = True) -> Played:
    """The same seed gives the same run."""
    loud = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    try:
        return Drifting(seed, audits, drifts).play()
    finally:
        structlog.configure(**loud)
