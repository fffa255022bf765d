"""One try of one fault: a load on goods of its own, what a fault may do in the middle of it, and what it notes."""

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
    """What a fault's function gets."""

    cluster: Cluster
    settings: Settings
    generators: Generators
    run: str
    goods: Goods
    trickle: Trickle | None = None
    """Whole orders, where the fault concerns them."""
    healed_at: float = 0.0
    """Monotonic; the end of the fault's function unless it says so itself."""
    failed: list[str] = field(default_factory=list)
    """What was expected of this fault beyond the oracle and did not come true."""
    told: list[str] = field(default_factory=list)
    """Figures worth a line below the table."""
    afterwards: list[Callable[[Ledger], None]] = field(default_factory=list)
    """Called with what the clients were told."""

    def expect(self, holds: bool, what: str) -> None:
        """Notes what does not hold."""
        if not holds:
            self.failed.append(what)

    def healed(self) -> None:
        """From now on the product must get well by itself."""
        self.healed_at = time.monotonic()

    @property
    def inventory(self) -> Supervised:
        """The process that is under load."""
        return self.cluster.services["inventory"]

    async def more_answers(self, number: float) -> None:
        """Returns when so many more requests have been answered."""
        wanted = self.generators.answered + number
        await self.comes_true(lambda: self.generators.answered >= wanted, f"{number:g} more answers")

    async def kill_at(self, service: str, point: str, then: Callable[[], None] = lambda: None) -> None:
        """Ends the service's process with SIGKILL at the point. `then` brings it there, if the load does not."""
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
        await self.comes_true(lambda: not armed.exists(), f"{service} passes {point}")

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
