"""The product with a shop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.edge.far_side import FarSide
from tests.edge.push.served import Served, serving
from tests.edge.push.shop import Shop
from tests.stack import Stack


@pytest.fixture
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    shop = Shop(stack)
    await shop.open()
    yield shop
    await shop.close()


@pytest.fixture
async def served(far_side: FarSide) -> AsyncIterator[Served]:
    async with serving(far_side) as running:
        yield running
