"""Imports the catalogue over REST, and replaces the units that earlier runs sold. Safe to repeat on the same data."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.progress import Progress

from gen.inventory.v1 import stock_service_pb2
from tests.demo.catalogue import Catalogue, Delivery, Product
from tests.demo.services import Services, call
from tests.demo.shop import Reply, Shop

SKUS_PER_BATCH = 50
SKUS_PER_READ = 500
PARALLEL = 16
RESTOCK_LOCATION = "berlin"
RESTOCK_SHELF_LIFE = timedelta(days=400)


class ImportRefusedError(Exception):
    """The product refused a part of the catalogue; the text names the part and the reason."""


class Import:
    """One run's import; `run` is part of the keys of data that is new in every run."""

    def __init__(self, shop: Shop, services: Services, run: str, progress: Progress) -> None:
        self._shop, self._services, self._run, self._progress = shop, services, run, progress

    async def all(self, catalogue: Catalogue) -> None:
        """Locations, skus, first deliveries, restock. ImportRefusedError."""
        products = [*catalogue.products, catalogue.flash]
        await self._each("locations", catalogue.locations, self._location)
        await self._each("skus", _chunks(products, SKUS_PER_BATCH), self._skus)
        deliveries = [delivery for product in products for delivery in product.deliveries]
        await self._each("deliveries", deliveries, self._first_delivery)
        await self._each("restock", await self._short(catalogue.products), self._restock)

    async def _each(self, title: str, items: Iterable[Any], step: Callable[[Any], Awaitable[None]]) -> None:
        rest = list(items)
        bar = self._progress.add_task(f"import {title}", total=len(rest))
        waiting = iter(rest)

        async def worker() -> None:
            for item in waiting:
                await step(item)
                self._progress.advance(bar)

        await asyncio.gather(*(worker() for _ in range(PARALLEL)))

    async def _location(self, location: dict[str, Any]) -> None:
        reply = await self._shop.post("/v1/locations", location, f"demo-{self._run}-{location['location']}")
        if reply.reason != "LOCATION_TAKEN":
            _accepted(reply, f"location {location['location']}")

    async def _skus(self, products: list[Product]) -> None:
        key = f"demo-{self._run}-skus-{products[0].sku}"
        body = {"skus": [product.body for product in products]}
        _accepted(await self._shop.post("/v1/skus/batch", body, key), f"skus from {products[0].sku}")

    async def _first_delivery(self, delivery: Delivery) -> None:
        # The key is derived from the delivery, so that another demo run on the same data receives nothing twice.
        await self._receive(delivery, f"demo-{hashlib.sha256(repr(delivery).encode()).hexdigest()[:32]}")

    async def _restock(self, delivery: Delivery) -> None:
        await self._receive(delivery, f"demo-{self._run}-restock-{delivery.sku}")

    async def _receive(self, delivery: Delivery, key: str) -> None:
        fields = ("sku", "location", "quantity", "lot", "manufacture_date", "expiry_date")
        body = {name: getattr(delivery, name) for name in fields if getattr(delivery, name)}
        _accepted(await self._shop.post("/v1/inventory", body, key), f"delivery of {delivery.sku}")

    async def _short(self, products: tuple[Product, ...]) -> list[Delivery]:
        """A delivery for every sku with less than half of its first deliveries left."""
        left: dict[str, int] = {}
        for chunk in _chunks(list(products), SKUS_PER_READ):
            request = stock_service_pb2.BatchGetStockRequest(skus=[product.sku for product in chunk])
            answer = await call(self._services.stock.BatchGetStock, request)
            left |= {stock.sku: stock.available for stock in answer.stocks}
        short = [product for product in products if left.get(product.sku, 0) < product.units // 2]
        return [self._refill(product, product.units - max(0, left.get(product.sku, 0))) for product in short]

    def _refill(self, product: Product, quantity: int) -> Delivery:
        if not product.perishable:
            return Delivery(product.sku, RESTOCK_LOCATION, quantity, "", "", "")
        expires = (datetime.now(UTC) + RESTOCK_SHELF_LIFE).date().isoformat()
        return Delivery(product.sku, RESTOCK_LOCATION, quantity, f"R-{self._run}", "", expires)


def _accepted(reply: Reply, what: str) -> None:
    if not reply.accepted:
        raise ImportRefusedError(f"{what}: HTTP {reply.status} {reply.reason} {reply.body.get('detail', '')}")


def _chunks(items: list[Product], size: int) -> list[list[Product]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
