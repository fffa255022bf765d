"""Short plays that random choices rarely produce: a stall between gate and journal, and old requests that come back."""

from __future__ import annotations

import asyncio

from tests.sim.chaos import Chaos
from tests.sim.clients import Clients
from tests.sim.process import Process
from tests.sim.site import Site

STALL_S = (31.0, 75.0)
"""Long enough for the sweeper to check the claims of the stalled process."""
FORGOTTEN_S = 620.0
"""After this the sweeper forgets committed claims."""


class Tactics:
    """Plays over the processes of one scenario."""

    def __init__(self, site: Site, clients: Clients, chaos: Chaos, processes: list[Process]) -> None:
        self._site = site
        self._clients = clients
        self._chaos = chaos
        self._processes = processes

    async def stall(self) -> None:
        """A process stalls somewhere between gate and journal while the others sweep; then it resumes."""
        random = self._site.random
        self._site.tally["stalled between gate and journal"] += 1
        stalled = random.choice(self._processes)
        self._clients.reserve_new(stalled)
        await asyncio.sleep(random.random() * 0.03)
        stalled.host.paused = True
        await asyncio.sleep(random.uniform(*STALL_S))
        await self._sweep()
        if stalled.host.paused:
            self._site.loop.resume(stalled.host)
        await asyncio.sleep(random.random())

    async def revisit(self) -> None:
        """A basket is sold and forgotten by the gate; then its requests are repeated, while processes die."""
        random = self._site.random
        self._site.tally["sold long ago, asked again"] += 1
        claim = self._clients.reserve_new(random.choice(self._processes))
        await asyncio.sleep(0.3)
        self._clients.settle_as(random.choice(self._processes), claim.id, random.choice(("COMMITTED", "RELEASED")))
        await asyncio.sleep(FORGOTTEN_S)
        await self._sweep()
        for _ in range(random.randint(2, 6)):
            process = random.choice(self._processes)
            roll = random.random()
            if roll < 0.4:
                self._clients.repeat_as(process, claim)
            elif roll < 0.7:
                self._clients.settle_as(process, claim.id, "COMMITTED")
            elif roll < 0.8:
                self._clients.sweep(process)
            else:
                self._chaos.crash()
            await asyncio.sleep(random.random() * 0.02)

    async def exchange(self) -> None:
        """The gate is lost, and while it is reloaded its server comes back with an older copy of that load."""
        random = self._site.random
        self._site.tally["server exchanged during a rebuild"] += 1
        self._site.primary.flush()
        self._clients.reserve_new(random.choice(self._processes))
        await asyncio.sleep(random.uniform(0.02, 0.06))
        self._site.save()
        await asyncio.sleep(random.random() * 0.02)
        self._site.restart_gate("latest")
        await asyncio.sleep(random.random() * 0.1)

    async def restore(self) -> None:
        """Goods are sold after a backup, and the watch runs; then the journal is restored from the backup."""
        random = self._site.random
        self._site.save()
        for _ in range(random.randint(1, 3)):
            claim = self._clients.reserve_new(random.choice(self._processes))
            self._clients.change(random.choice(self._processes))
            await asyncio.sleep(random.random() * 0.2)
            if random.random() < 0.5:
                self._clients.settle_as(random.choice(self._processes), claim.id, "RELEASED")
        self._clients.watch(random.choice(self._processes))
        await asyncio.sleep(random.random() * 0.3)
        self._chaos.restore()
        await asyncio.sleep(random.random())

    async def _sweep(self) -> None:
        for process in self._processes:
            if not process.host.paused:
                self._clients.sweep(process)
        await asyncio.sleep(0.1)
