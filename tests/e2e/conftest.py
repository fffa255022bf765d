"""The session's product, connected."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.product import Product, connected
from tests.stack import Stack


@pytest.fixture(scope="session")
async def product(stack: Stack) -> AsyncIterator[Product]:
    """Of the stack that all end-to-end tests share; none of them may hurt it."""
    async with connected(stack) as connection:
        yield connection
