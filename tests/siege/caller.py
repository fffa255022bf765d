"""The caller whose service is measured: 100 requests per second with the token at fixed times, and a probe of /healthz."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.stack import Stack

PER_S = 100
PROBES_PER_S = 10
ANSWER_WITHIN_S = 5.0
SKU = "SIEGE-1"
LOCATION = "siege"
STOCK = 1_000_000
CART = {"lines": [{"sku": SKU, "quantity": 1}], "currency": "EUR", "channel": "web"}
RESERVE = {"lines": [{"sku": SKU, "quantity": 1}], "ttl_seconds": 60}
Asked = tuple[str, str, dict[str, Any] | None]
MIX: Sequence[Asked] = (
    ("GET", f"/v1/inventory/{SKU}", None),
    ("POST", "/v1/inventory/reserve", RESERVE),
    ("GET", f"/v1/inventory/{SKU}", None),
    ("POST", "/v1/promotions/quote", CART),
)


@dataclass
class Observed:
    """Seconds of each answer, counted from the time when the request was due, and the failures."""

    seconds: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    def failed(self, why: str) -> None:
        """Counts one failure."""
        self.failures[why] = self.failures.get(why, 0) + 1

    def quantile_ms(self, part: float) -> float:
        """0.99 for p99; 0 if there was no answer."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else 0.0


class Caller:
    """Creates its own goods, then calls."""

    def __init__(self, stack: Stack) -> None:
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        self._session = aiohttp.ClientSession(stack.edge, headers=stack.headers, timeout=timeout)
        # Each probe uses a new connection, as most supervisors do, and no token.
        self._probe = aiohttp.ClientSession(
            stack.edge, timeout=timeout, connector=aiohttp.TCPConnector(force_close=True)
        )

    async def open(self) -> None:
        """Creates enough goods for all reservations."""
        price = {"currency": "EUR", "amount_minor": 1_000}
        place = {"location": LOCATION, "name": "Siege", "time_zone": "Europe/Berlin"}
        sku = {"sku": SKU, "name": "siege", "category": "siege", "price": price}
        goods = {"sku": SKU, "location": LOCATION, "quantity": STOCK}
        for path, body in (("/v1/locations", place), ("/v1/skus", sku), ("/v1/inventory", goods)):
            async with self._session.post(path, json=body) as answer:
                assert answer.status == 201, await answer.text()

    async def ticket(self) -> str:
        """Returns the ticket of a public page."""
        async with self._session.post("/v1/stream-tickets", json={"topics": ["stock"], "ttl_seconds": 3600}) as answer:
            return str((await answer.json())["ticket"])

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()
        await self._probe.close()

    async def calls(self, seconds: float) -> Observed:
        """Calls with the token for this many seconds."""
        mix = itertools.cycle(MIX)
        return await self._paced(self._session, PER_S, seconds, lambda: next(mix))

    async def probes(self, seconds: float) -> Observed:
        """Probes /healthz for this many seconds."""
        return await self._paced(self._probe, PROBES_PER_S, seconds, lambda: ("GET", "/healthz", None))

    async def _paced(
        self, session: aiohttp.ClientSession, per_s: int, seconds: float, what: Callable[[], Asked]
    ) -> Observed:
        observed, loop = Observed(), asyncio.get_running_loop()
        began, tasks = loop.time(), []
        for number in range(int(per_s * seconds)):
            due = began + number / per_s
            await asyncio.sleep(max(0.0, due - loop.time()))
            tasks.append(asyncio.create_task(_one(session, what(), due, observed)))
        await asyncio.gather(*tasks)
        return observed


async def _one(session: aiohttp.ClientSession, asked: Asked, due: float, observed: Observed) -> None:
    loop = asyncio.get_running_loop()
    method, path, body = asked
    try:
        async with session.request(method, path, json=body) as answer:
            await answer.read()
            if answer.status >= 400:
                observed.failed(str(answer.status))
    except (aiohttp.ClientError, TimeoutError) as error:
        observed.failed(type(error).__name__)
    observed.seconds.append(loop.time() - due)
