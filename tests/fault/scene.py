"""One try of one fault: a load on its own goods, the actions that a fault may take during it, and its notes."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from tests.fault import points
from tests.fault.cluster import Cluster
from tests.fault.config import Settings
from tests.fault.generator import Generators
from tests.fault.ledger import Ledger
from tests.fault.orders import Trickle
from tests.fault.shop import Goods
from tests.fault.supervised import Supervised

PASSED_WITHIN_S = 60.0
POLL_S = 0.02


@dataclass
class Scene:
    """The argument of a fault's function."""

    cluster: Cluster
    settings: Settings
    generators: Generators
    run: str
    goods: Goods
    trickle: Trickle | None = None
    """Whole orders, if the fault concerns them."""
    healed_at: float = 0.0
    """Monotonic; the end of the fault's function unless the fault sets it earlier."""
    failed: list[str] = field(default_factory=list)
    """Expectations of this fault beyond the oracle that did not hold."""
    told: list[str] = field(default_factory=list)
    """Figures that are printed below the table."""
    afterwards: list[Callable[[Ledger], None]] = field(default_factory=list)
    """Called with the ledger of the load."""

    def expect(self, holds: bool, what: str) -> None:
        """Records an expectation that does not hold."""
        if not holds:
            self.failed.append(what)

    def healed(self) -> None:
        """Marks the moment from which the product must recover by itself."""
        self.healed_at = time.monotonic()

    @property
    def inventory(self) -> Supervised:
        """The process under load."""
        return self.cluster.services["inventory"]

    async def more_answers(self, number: float) -> None:
        """Returns after this many more requests were answered."""
        wanted = self.generators.answered + number
        await self.comes_true(lambda: self.generators.answered >= wanted, f"{number:g} more answers")

    async def kill_at(self, service: str, point: str, then: Callable[[], None] = lambda: None) -> None:
        """Ends the service's process with SIGKILL at the point. `then` makes it reach the point, if the load does not."""
        process = self.cluster.services[service]
        process.ended.clear()
        points.arm(self.cluster.points, service, point, signal.SIGKILL)
        await asyncio.to_thread(then)
        async with asyncio.timeout(PASSED_WITHIN_S):
            await process.ended.wait()
        self.healed()

    async def stop_at(self, service: str, point: str) -> None:
        """Stops the process at the point, with SIGSTOP; returns when it has stopped."""
        armed = points.arm(self.cluster.points, service, point, signal.SIGSTOP)
        await self.comes_true(lambda: not armed.exists(), f"{service} reaches {point}")

    async def comes_true(self, condition: Callable[[], bool], what: str, within_s: float = PASSED_WITHIN_S) -> None:
        """Returns when the condition holds; TimeoutError with `what`."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {within_s:g} s: {what}")
            await asyncio.sleep(POLL_S)

    def valkey(self, *words: str | int) -> object:
        """One command to the gate's server, past the proxy."""
        with redis.Redis.from_url(self.cluster.valkey.url) as server:
            answer: object = server.execute_command(*words)
            return answer
