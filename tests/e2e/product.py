"""A running product as end-to-end tests use it: REST and gRPC, and the sums that must match across all services."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from chassis import client
from chassis.errors import ServiceError
from gen.inventory.v1 import stock_service_pb2
from gen.order.v1 import order_pb2, order_service_pb2
from gen.promo.v1 import promotion_service_pb2
from tests import databases
from tests.demo import config
from tests.demo.http_client import Answer, Pool
from tests.demo.services import Services
from tests.demo.shop import Shop
from tests.stack import Stack

TIMEOUT_S = 60.0
"""For one request among hundreds at once on a small machine."""
POLL_S = 0.1
CONNECTIONS = 1_100
LOCATION = "e2e-berlin"
PRICE_MINOR = 1_999


class Product:
    """`send` returns the answer; `patient` repeats the request until there is one."""

    def __init__(self, stack: Stack, pool: Pool, services: Services) -> None:
        self.stack, self.services = stack, services
        self.patient = Shop(pool, stack.run["token"])
        self._pool = pool

    async def send(self, method: str, path: str, body: object, key: str = "") -> Answer:
        """One request, one answer. `body` is sent unchanged if it is bytes, else as JSON."""
        headers = {**self.stack.headers, "idempotency-key": key or secrets.token_hex(8)}
        headers["x-request-timeout-ms"] = str(int(TIMEOUT_S * 1000))
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self._pool.send(method, path, headers, raw, TIMEOUT_S)

    async def place(self, key: str, **fields: Any) -> Answer:
        """POST /v1/orders."""
        return await self.send("POST", "/v1/orders", order(**fields), key)

    async def place_over_grpc(self, request_id: str, sku: str, quantity: int = 1) -> order_pb2.Order:
        """PlaceOrder. ServiceError."""
        request = order_service_pb2.PlaceOrderRequest(
            request_id=request_id,
            lines=[order_service_pb2.PlaceOrderLine(sku=sku, quantity=quantity)],
            currency="EUR",
            channel="web",
            payment=order_service_pb2.PaymentMethod(provider="sandbox", token="tok_ok"),
        )
        answer = await client.call(self.services.orders.PlaceOrder, request, TIMEOUT_S)
        placed: order_pb2.Order = answer.order
        return placed

    async def stocked(self, units: int, currency: str = "EUR") -> str:
        """Creates a sku with this many units in one location."""
        sku = f"E2E-{secrets.token_hex(4).upper()}"
        price = {"currency": currency, "amount_minor": PRICE_MINOR}
        await self._made("/v1/skus", {"sku": sku, "name": "Serum", "price": price})
        if units:
            await self._made("/v1/inventory", {"sku": sku, "location": LOCATION, "quantity": units})
        return sku

    async def opened(self) -> None:
        """Creates the location unless it exists."""
        found = await self.patient.post("/v1/locations", {"location": LOCATION, "name": "Berlin"}, secrets.token_hex(8))
        assert found.accepted or found.reason == "LOCATION_TAKEN", found

    async def numbers(self, sku: str) -> tuple[int, int, int, int]:
        """on_hand, reserved, committed, available."""
        request = stock_service_pb2.GetStockRequest(sku=sku)
        stock = (await client.call(self.services.stock.GetStock, request, TIMEOUT_S)).stock
        return stock.on_hand, stock.reserved, stock.committed, stock.available

    def orders_of(self, sku: str) -> list[tuple[str, str]]:
        """(order_id, state) of every order of this sku."""
        query = (
            "SELECT order_id, state FROM orders WHERE lines @> jsonb_build_array(jsonb_build_object('sku', %s::text))"
        )
        return databases.read(self.stack.database("orders"), query, sku)

    async def unfinished(self) -> list[tuple[str, str]]:
        """(order_id, state) of every order that has not ended."""
        query = "SELECT order_id, state FROM orders WHERE state NOT IN ('CONFIRMED', 'CANCELLED')"
        return await asyncio.to_thread(databases.read, self.stack.database("orders"), query)

    async def mismatches(self) -> list[str]:
        """Findings of the audits of stock and of promotion uses, as text; empty if all is well."""
        stock = await client.call(self.services.stock.AuditStock, stock_service_pb2.AuditStockRequest(), TIMEOUT_S)
        usage = await client.call(
            self.services.promotions.AuditUsage, promotion_service_pb2.AuditUsageRequest(), TIMEOUT_S
        )
        found = {
            "gate": stock.gate_mismatches,
            "movements": stock.movement_mismatches,
            "reservations": stock.reservation_mismatches,
            "lots": stock.lot_mismatches,
            "uses: gate": usage.gate_mismatches,
            "uses: movements": usage.movement_mismatches,
            "redemptions": usage.redemption_mismatches,
        }
        examples = [*stock.examples, *usage.examples]
        return [f"{name}: {count} {examples}" for name, count in found.items() if count]

    async def _made(self, path: str, body: dict[str, Any]) -> None:
        made = await self.patient.post(path, body, secrets.token_hex(8))
        assert made.accepted, made


def order(**fields: Any) -> dict[str, Any]:
    """A body of POST /v1/orders; `sku` and `quantity` are short for one line, None leaves a field out."""
    line = {"sku": fields.pop("sku", ""), "quantity": fields.pop("quantity", 1)}
    whole: dict[str, Any] = {
        "lines": [line],
        "currency": "EUR",
        "channel": "web",
        "payment": {"provider": "sandbox", "token": fields.pop("token", "tok_ok")},
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not None}


def told(answer: Answer) -> tuple[int, str]:
    """Status and reason; a success has no reason."""
    return answer.status, str(orjson.loads(answer.body).get("reason", ""))


async def verdict(placing: Any) -> str:
    """A state such as CONFIRMED, or the reason of the refusal."""
    try:
        return order_pb2.Order.State.Name((await placing).state).removeprefix("STATE_")
    except ServiceError as refused:
        return refused.reason


async def comes_true(condition: Callable[[], Awaitable[bool]], what: str, within_s: float = TIMEOUT_S) -> None:
    """Returns as soon as the condition holds; fails with `what` if it does not in time."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(POLL_S)


@asynccontextmanager
async def connected(stack: Stack) -> AsyncIterator[Product]:
    """Connections to one stack, and its location."""
    run = stack.run
    pool = Pool(run["edge"], CONNECTIONS)
    running = config.Running(
        edge=run["edge"],
        inventory=run["inventory"],
        order=run["order"],
        promo=run["promo"],
        token=run["token"],
        webhook_secret=run["webhook_secret"],
        orders_database=run["databases"]["orders"],
    )
    services = Services(running)
    try:
        product = Product(stack, pool, services)
        await product.opened()
        yield product
    finally:
        await services.close()
        await pool.close()
