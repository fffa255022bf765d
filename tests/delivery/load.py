"""Orders over REST, each repeated under its key until its outcome is known."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import httpx

from tests.stack import Stack

SETTLED = (200, 201, 202, 402, 409)
RETRY_S = 0.2
BUYERS = 8
STOCK = 1_000_000


class Load:
    """Buyers who order one unit after the other, with a pause in between."""

    def __init__(self, stack: Stack, name: str, pause_s: float) -> None:
        self._client = httpx.AsyncClient(base_url=stack.edge, headers=stack.headers, timeout=30)
        self._name = name
        self._pause_s = pause_s
        self._stopping = asyncio.Event()
        self.placed: list[str] = []
        """Ids of confirmed orders."""

    async def stock(self, skus: int) -> None:
        """Creates skus with stock, and a customer's view of them."""
        self._skus = [f"{self._name}-{number}" for number in range(skus)]
        await self._post("/v1/locations", f"{self._name}-l", {"location": "depot", "name": "Depot"})
        for sku in self._skus:
            await self._post("/v1/skus", f"{sku}-c", {"sku": sku, "name": sku, "price": PRICE})
            await self._post("/v1/inventory", f"{sku}-r", {"sku": sku, "location": "depot", "quantity": STOCK})

    async def run(self) -> None:
        """Runs until `stop`."""
        await asyncio.gather(*(self._buyer(number) for number in range(BUYERS)))

    async def stop(self) -> None:
        self._stopping.set()

    async def close(self) -> None:
        await self._client.aclose()

    async def _buyer(self, number: int) -> None:
        for visit in itertools.count():
            if self._stopping.is_set():
                return
            key = f"{self._name}-{number}-{visit}"
            sku = self._skus[(number * 7919 + visit) % len(self._skus)]
            body = {
                "lines": [{"sku": sku, "quantity": 1}],
                "customer": {"id": f"{self._name}-{number}"},
                "currency": PRICE["currency"],
                "channel": "web",
                "payment": {"provider": "sandbox", "token": "tok_ok"},
            }
            answer = await self._post("/v1/orders", key, body)
            if answer.status_code == 201:
                self.placed.append(answer.json()["order_id"])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._pause_s)

    async def _post(self, path: str, key: str, body: dict[str, object]) -> httpx.Response:
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await self._client.post(path, json=body, headers={"Idempotency-Key": key})
                if answer.status_code in SETTLED:
                    return answer
                if answer.status_code < 500:
                    raise AssertionError(answer.text)
            await asyncio.sleep(RETRY_S)


PRICE = {"currency": "EUR", "amount_minor": 1999}
