"""The clients' requests: baskets, repeats of any age, commits, releases, changes by hand, and cancelled calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from chassis.errors import ServiceError
from chassis.gate.claims import GuardRefused
from chassis.gate.journal import Become
from chassis.gate.model import Aborted, Claim, Refused, Reused, Stale, WantedLine
from tests.sim.process import Process
from tests.sim.site import Site

EXPECTED = (Refused, Reused, Aborted, Stale, GuardRefused, ServiceError, psycopg.Error)
MOST_LINES = 3
OWNERS = ("", "a", "b")
FOREIGN_EVERY = 5
"""Of the requests to end a reservation, each fifth comes from a foreign owner."""


class Clients:
    """Starts requests as tasks of a process; remembers every claim, so that any may be repeated."""

    def __init__(self, site: Site, keys: list[str]) -> None:
        self._site = site
        self._keys = keys
        self._claims: list[Claim] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._changes = 0
        self.begun = 0
        self.outcomes = site.tally

    def reserve_new(self, process: Process) -> Claim:
        """Sends a new basket."""
        random = self._site.random
        lines = []
        for _ in range(1 + int(random.random() * random.random() * MOST_LINES)):
            among = random.sample(self._keys, random.randint(1, min(2, len(self._keys))))
            lines.append(WantedLine(tuple(among), random.randint(1, 3), random.random() < 0.3))
        number = len(self._claims)
        ttl_ms = random.choice((500, 5_000, 60_000, 900_000))
        claim = Claim(f"r{number}", f"f{number}", tuple(lines), ttl_ms, _owner(f"r{number}"))
        self._claims.append(claim)
        self._begin(process, self._reserve, process, claim)
        return claim

    def repeat(self, process: Process) -> None:
        """Repeats an earlier basket, sometimes with another body."""
        if not self._claims:
            return
        claim = self._chosen()
        if self._site.random.random() < 0.05:
            claim = Claim(claim.id, claim.fingerprint + "'", claim.lines, claim.ttl_ms, claim.owner)
        self.repeat_as(process, claim)

    def repeat_as(self, process: Process, claim: Claim) -> None:
        """Repeats this basket."""
        self._begin(process, self._reserve, process, claim)

    def settle(self, process: Process) -> None:
        """Commits, releases or extends a reservation, perhaps one in flight or not begun."""
        random = self._site.random
        id = self._chosen().id if self._claims and random.random() < 0.95 else f"r{len(self._claims)}"
        to: Become = random.choice(("COMMITTED", "COMMITTED", "RELEASED", "RELEASED", "EXTENDED"))
        self.settle_as(process, id, to)

    def settle_as(self, process: Process, id: str, to: Become) -> None:
        """Ends this reservation in this way."""
        owner = "a foreigner" if self.begun % FOREIGN_EVERY == 0 else _owner(id)
        self._begin(process, self._settle, process, id, to, owner)

    def change(self, process: Process) -> None:
        """Receives goods, or counts fewer."""
        random = self._site.random
        self._changes += 1
        delta = random.choice((-4, -2, -1, 1, 2, 4))
        key = random.choice(self._keys)
        self._begin(process, self._change, process, f"change-{self._changes}", key, delta)

    def job(self, process: Process) -> None:
        """Runs one round of a background job."""
        self._begin(process, self._job, process, int(self._site.random.random() * len(process.jobs)))

    def sweep(self, process: Process) -> None:
        """Runs one round of the sweeper."""
        self._begin(process, self._job, process, 1)

    def watch(self, process: Process) -> None:
        """Runs one round of the watch."""
        self._begin(process, self._job, process, 0)

    def cancel(self) -> None:
        """Cancels the call of one client."""
        if self._tasks:
            self._site.tally["client cancelled"] += 1
            self._site.random.choice(self._tasks[-8:]).cancel()

    def _chosen(self) -> Claim:
        recent = self._claims[-4:] if self._site.random.random() < 0.7 else self._claims
        return self._site.random.choice(recent)

    def _begin(self, process: Process, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        self.begun += 1
        self._tasks.append(process.start(self._watched(work, *arguments)))

    async def _watched(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        try:
            await work(*arguments)
        except EXPECTED as refused:
            self._site.tell(f"answer: {refused!r:.100}")
        except asyncio.CancelledError:
            raise
        except Exception as unexpected:
            self._site.oracle.broken("bug", repr(unexpected))

    async def _reserve(self, process: Process, claim: Claim) -> None:
        self._site.tell(f"client reserves {claim.id} {[(line.keys, line.quantity) for line in claim.lines]}")
        reserved = await process.claims.reserve(claim)
        self._site.tell(f"answer: {claim.id} {reserved.reservation.state}")
        self._site.oracle.answered(claim)

    async def _settle(self, process: Process, id: str, to: Become, owner: str) -> None:
        self._site.tell(f"client wants {id} {to} as {owner!r}")
        if _owner(id) in ("", owner):  # a request of any other owner has no effect
            self._site.oracle.asked.add((id, to))
        found, changed = await process.claims.settle(id, to, 60_000, owner)
        self._site.tell(f"answer: {id} {found and found.state} {changed}")

    async def _change(self, process: Process, reference: str, key: str, delta: int) -> None:
        await process.change(reference, key, delta)

    async def _job(self, process: Process, number: int) -> None:
        await process.jobs[number]()


def _owner(id: str) -> str:
    """The owner of a reservation: derived from its number, so that it uses no draw of the seed."""
    return OWNERS[int(id[1:]) % len(OWNERS)]
