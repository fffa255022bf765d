"""Postgres dies in the middle of a checkout and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import grpc
import pytest

from chassis.db import POOL_SIZE, Database
from chassis.errors import ServiceError
from gen.order.v1 import order_pb2
from tests import databases, servers
from tests.order_svc.shop import new_id, opened
from tests.servers import Running


@pytest.fixture
def own_postgres() -> Iterator[Running]:
    """A server that only this test may kill."""
    with servers.running_postgres() as running:
        yield running


@pytest.mark.parametrize("step", ["ReserveStock", "CommitReservation"])
async def test_an_order_outlives_its_database(own_postgres: Running, step: str) -> None:
    db = Database(databases.create(own_postgres.url, "orders"))
    await db.open()
    async with opened(db) as shop:
        request_id = new_id()
        shop.inventory.wire.held[step] = gate = asyncio.Event()
        placing = asyncio.create_task(shop.place(request_id=request_id, codes=["TEN"], within_s=1.5))
        await shop.inventory.wire.called(step)
        own_postgres.kill()
        gate.set()
        try:
            await placing  # a backend may outlive its killed postmaster for a moment and still commit
        except ServiceError as failed:
            assert failed.code is grpc.StatusCode.UNAVAILABLE
        own_postgres.start()
        await _until_connected(db)
        await shop.resume()
        answer = await shop.place(request_id=request_id, codes=["TEN"])
        assert (answer.order.state, answer.replayed) == (order_pb2.Order.STATE_CONFIRMED, True)
        await shop.audit()
    await db.close()


async def _until_connected(db: Database) -> None:
    """Each connection that died with the server fails once; the pool replaces it."""
    for _ in range(POOL_SIZE):
        try:
            await db.first_row("SELECT 1", ())
        except ServiceError as error:
            assert error.reason == "JOURNAL_UNREACHABLE"
        else:
            return
    raise AssertionError("the pool found no connection to a server that is up")
