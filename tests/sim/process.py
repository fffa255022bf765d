"""One process of a service: the product's own steps over simulated connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from typing import Any, cast

from chassis.gate.adjustments import Adjustments
from chassis.gate.claims import Claims
from chassis.gate.epochs import Epochs
from chassis.gate.gate import Gate
from chassis.gate.journal import Journal
from chassis.gate.rebuilds import Rebuilds
from chassis.gate.sweep import Sweeper
from chassis.gate.world import World
from tests.sim.links import GateLink, JournalLink, RebuildsLink
from tests.sim.loop import HOST, Host
from tests.sim.site import Site


class Process:
    """Claims, epochs, sweeper and adjustments, assembled as in chassis.gate.partition.Partition."""

    def __init__(self, site: Site, name: str, skew_ms: int = 0) -> None:
        self.site = site
        self.host = Host(name)
        self._context = copy_context()
        self._context.run(HOST.set, self.host)
        self._tokens = 0
        self._skew_ms = skew_ms
        random = site.random
        world = World(
            wall_ms=self.now_ms,
            monotonic_s=site.loop.time,
            token=self._token,
            jitter=lambda: 0.5 + random.random(),
        )
        self.journal = JournalLink(site)
        self.rebuilds = RebuildsLink(site, self.host)
        gate, journal = cast(Gate, GateLink(site, self.host)), cast(Journal, self.journal)
        self.epochs = Epochs(gate, cast(Rebuilds, self.rebuilds), world)
        self.claims = Claims(gate, journal, self.epochs, world)
        self.adjustments = Adjustments(gate, journal)
        self.sweeper = Sweeper(cast(Gate, GateLink(site, self.host, "sweeper")), journal, self.epochs, self.claims)
        self.gate = gate
        self.jobs: tuple[Callable[[], Awaitable[object]], ...] = (
            self.epochs.watch,
            self.sweeper.run_once,
            self.sweeper.expire_once,
            self.adjustments.run_once,
        )
        self._context.run(self.claims.start)

    async def change(self, reference: str, key: str, on_hand: int) -> None:
        """A change by hand, in the order of inventory's use cases: journal first, then gate."""
        rows = await self.journal.change(reference, key, on_hand)
        await self.adjustments.apply(rows)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs a coroutine as this process."""
        return self.site.loop.create_task(work, context=self._context)

    def crash(self) -> None:
        """Stops all of its work; its sessions end."""
        self.host.dead = True
        self.lose_sessions()

    def lose_sessions(self) -> None:
        """Closes its connections: the server releases their locks."""
        for session in self.rebuilds.sessions:
            self.site.lock.release(session)

    def now_ms(self) -> int:
        """The clock of its host."""
        return self.site.now_ms() + self._skew_ms

    def _token(self) -> str:
        self._tokens += 1
        return f"{self.host.name}#{self._tokens}"
