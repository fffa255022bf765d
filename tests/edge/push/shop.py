"""Goods in a running product, and changes to them, over REST."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from tests.stack import Stack


class Shop:
    """One location and a few skus of its own."""

    def __init__(self, stack: Stack) -> None:
        self.client = httpx.AsyncClient(base_url=stack.edge, headers=stack.headers, timeout=20)
        mark = secrets.token_hex(3)
        self.location = f"push-{mark}"
        self._mark = mark
        self._made = 0

    async def open(self) -> None:
        """Creates the location."""
        await self._post("/v1/locations", {"location": self.location, "name": "Push", "time_zone": "Europe/Berlin"})

    async def close(self) -> None:
        """Closes the connections."""
        await self.client.aclose()

    async def sku(self) -> str:
        """A new sku with one unit."""
        self._made += 1
        sku = f"PUSH-{self._mark}-{self._made}"
        price = {"currency": "EUR", "amount_minor": 100}
        await self._post("/v1/skus", {"sku": sku, "name": sku, "category": "push", "price": price})
        await self.receive(sku)
        return sku

    async def receive(self, sku: str, quantity: int = 1) -> int:
        """Receives goods; returns the level's version."""
        body = {"sku": sku, "location": self.location, "quantity": quantity}
        answer = await self._post("/v1/inventory", body)
        return int(answer["version"])

    async def ticket(self, **body: Any) -> str:
        """A stream ticket."""
        return str((await self._post("/v1/stream-tickets", body))["ticket"])

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        document: dict[str, Any] = answer.json()
        return document
