"""A shop: order_svc over a real Postgres, with fakes for inventory and promo behind a real wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chassis.db import Database
from tests import databases
from tests.order_svc.shop import Shop, opened


@pytest.fixture(scope="session")
async def db(postgres_url: str) -> AsyncIterator[Database]:
    """The database `orders`, fresh."""
    url = databases.create(postgres_url, "orders")
    database = Database(url)
    await database.open()
    yield database
    await database.close()
    databases.drop(url)


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    """One shop per test, in an emptied database."""
    async with opened(db) as shop:
        yield shop
