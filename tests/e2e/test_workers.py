"""Two workers of every service and of the edge: two copies of a request at once reach both, and the stock stays correct."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_service_pb2, reservation_service_pb2_grpc
from tests import databases
from tests import stack as stacks
from tests.e2e.crowd import SCARCE, USES, VISITS, Crowd
from tests.e2e.product import TIMEOUT_S, Product, comes_true, connected, told
from tests.e2e.test_selling import BUYERS, SHORT, SOLD, UNITS, assert_exactly_the_units_are_sold, order_of

WORKERS = 2
CONNECTIONS = 8
TRIES = 10
"""The kernel may route all connections to one worker, which silently rejects calls beyond its limit of a thousand."""
VICTIMS = ("inventory", "promo", "edge")
"""Not order: its orders resume when the dead process's lease ends, after half a minute; test_crashes waits for that."""
LEADERS = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE classid = 7404 AND datname = %s"


@pytest.fixture(scope="module")
async def product() -> AsyncIterator[Product]:
    """A product with two workers of each process, with open connections."""
    with stacks.running(WORKERS=str(WORKERS)) as stack:
        async with connected(stack) as product:
            yield product


def workers(product: Product, name: str) -> list[psutil.Process]:
    """The worker processes of a service."""
    found: list[psutil.Process] = psutil.Process(product.stack.pid(name)).children()
    return found


async def test_500_buyers_who_send_everything_twice_at_once_make_50_orders(product: Product) -> None:
    sku = await product.stocked(UNITS)
    keys = [f"{sku}-{buyer}" for buyer in range(BUYERS) for _ in range(2)]
    answers = await asyncio.gather(*(product.place(key, sku=sku) for key in keys))
    assert Counter(map(told, answers)) == {SOLD: 2 * UNITS, SHORT: 2 * (BUYERS - UNITS)}
    for one, twin in zip(answers[::2], answers[1::2], strict=True):
        assert (told(one), order_of(one)) == (told(twin), order_of(twin))
    await assert_exactly_the_units_are_sold(product, sku)


async def test_500_carts_that_reserve_twice_at_once_over_grpc_hold_50_units(product: Product) -> None:
    sku = await product.stocked(UNITS)
    async with client.connect(product.stack.address("inventory"), CONNECTIONS) as channel:
        stub: Any = reservation_service_pb2_grpc.ReservationServiceStub(channel)

        async def reserve(request_id: str) -> str:
            request = reservation_service_pb2.ReserveStockRequest(
                request_id=request_id, lines=[reservation_service_pb2.ReserveLine(sku=sku, quantity=1)]
            )
            reason = ""
            for _ in range(TRIES):
                try:
                    return str((await client.call(stub.ReserveStock, request, TIMEOUT_S)).reservation.reservation_id)
                except ServiceError as refused:
                    reason = refused.reason
                if reason != "UNAVAILABLE":
                    break
            return reason

        keys = [f"{sku}-{buyer}" for buyer in range(BUYERS) for _ in range(2)]
        verdicts = await asyncio.gather(*map(reserve, keys))
    assert verdicts[::2] == verdicts[1::2]
    assert Counter(verdicts)["INSUFFICIENT_STOCK"] == 2 * (BUYERS - UNITS)
    assert await product.numbers(sku) == (UNITS, UNITS, 0, 0)
    assert await product.mismatches() == []


async def test_workers_may_be_killed_in_a_rush(product: Product) -> None:
    crowd = await Crowd.gathered(product)
    rush = asyncio.create_task(crowd.buy())
    await crowd.in_the_middle.wait()
    before = {name: {worker.pid for worker in workers(product, name)} for name in VICTIMS}
    for name in VICTIMS:
        workers(product, name)[0].kill()
    await rush
    assert len(crowd.replies) == VISITS
    assert {reply.status for reply in crowd.replies} <= {201, 202, 402, 409}

    async def whole() -> bool:
        now = {name: {worker.pid for worker in workers(product, name)} for name in VICTIMS}
        return all(len(now[name]) == WORKERS and now[name] != before[name] for name in VICTIMS)

    await comes_true(whole, "there are two workers of each again")

    async def settled() -> bool:
        return not await product.unfinished() and await product.mismatches() == []

    await comes_true(settled, "all is settled")
    for name in ("inventory", "promo"):
        assert databases.read(product.stack.database(name), LEADERS, name) == [(1,)]
    confirmed = [sale for sale in crowd.sales(crowd.scarce) if sale.state == "CONFIRMED"]
    assert sum(sale.quantity for sale in confirmed) <= SCARCE
    assert await crowd.uses() <= USES
