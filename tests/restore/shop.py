"""The product under orders: skus with plenty of stock, buyers that never stop, and the services' own reports."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

from chassis import client
from chassis.errors import ServiceError
from gen.common.v1.money_pb2 import Money
from gen.inventory.v1 import catalog_service_pb2, location_pb2, sku_pb2, stock_service_pb2
from gen.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from gen.inventory.v1.stock_service_pb2_grpc import StockServiceStub
from gen.order.v1 import order_pb2, order_service_pb2
from gen.order.v1.order_service_pb2_grpc import OrderServiceStub
from tests.stack import Stack

SKUS = 20
UNITS = 100_000
BUYERS = 8
CALL_S = 20.0
POLL_S = 0.1


class Shop:
    """Calls of one running product."""

    def __init__(self, stack: Stack) -> None:
        self.stock: Any = StockServiceStub(client.connect(stack.address("inventory")))
        self._catalog: Any = CatalogServiceStub(client.connect(stack.address("inventory")))
        self._orders: Any = OrderServiceStub(client.connect(stack.address("order")))
        self._numbers = itertools.count(1)
        self.confirmed = 0

    async def fill(self) -> None:
        """Creates skus and their stock."""
        location = location_pb2.Location(location="berlin", time_zone="UTC")
        await self._call(
            self.stock.CreateLocation, stock_service_pb2.CreateLocationRequest(request_id="berlin", location=location)
        )
        for number in range(SKUS):
            price = Money(currency="EUR", amount_minor=1_000)
            sku = sku_pb2.Sku(sku=f"SKU-{number}", name="Serum", price=price)
            await self._call(
                self._catalog.CreateSku, catalog_service_pb2.CreateSkuRequest(request_id=f"sku-{number}", sku=sku)
            )
            request = stock_service_pb2.ReceiveStockRequest(
                request_id=f"in-{number}", sku=sku.sku, location="berlin", quantity=UNITS
            )
            await self._call(self.stock.ReceiveStock, request)

    async def buy(self, prefix: str) -> None:
        """Places one order of one or two units."""
        number = next(self._numbers)
        request = order_service_pb2.PlaceOrderRequest(
            request_id=f"{prefix}-{number}",
            currency="EUR",
            channel="web",
            customer=order_pb2.Customer(id=f"c{number}", email="ada@example.com"),
            payment=order_service_pb2.PaymentMethod(provider="sandbox", token="tok_ok"),
        )
        request.lines.add(sku=f"SKU-{number % SKUS}", quantity=1 + number % 2)
        answer = await client.call(self._orders.PlaceOrder, request, CALL_S)
        self.confirmed += answer.order.state == order_pb2.Order.STATE_CONFIRMED

    @contextlib.asynccontextmanager
    async def under_orders(self, prefix: str) -> AsyncIterator[None]:
        """Buyers buy until the end of the block; they repeat requests that a stopping product refuses."""

        async def keep_buying() -> None:
            while True:
                try:
                    await self.buy(prefix)
                except ServiceError:
                    await asyncio.sleep(POLL_S)

        buyers = [asyncio.create_task(keep_buying()) for _ in range(BUYERS)]
        try:
            yield
        finally:
            for buyer in buyers:
                buyer.cancel()
            await asyncio.wait(buyers)

    async def bought(self, more: int) -> None:
        """Returns once this many more orders are confirmed."""
        goal = self.confirmed + more
        while self.confirmed < goal:
            await asyncio.sleep(POLL_S)

    async def wrong_levels(self) -> tuple[int, int]:
        """Levels that differ from the journal, and all levels."""
        found = await self._call(self.stock.AuditStock, stock_service_pb2.AuditStockRequest())
        return int(found.gate_mismatches), int(found.levels)

    async def healed_after_s(self, within_s: float) -> float:
        """Seconds from now until no level is wrong."""
        began = time.monotonic()
        while True:
            with contextlib.suppress(ServiceError):
                wrong, levels = await self.wrong_levels()
                if levels == SKUS and wrong == 0:
                    return time.monotonic() - began
            if time.monotonic() > began + within_s:
                raise AssertionError(f"levels are still wrong after {within_s:g} s")
            await asyncio.sleep(POLL_S)

    async def _call(self, method: Any, request: Any) -> Any:
        return await client.call(method, request, CALL_S)
