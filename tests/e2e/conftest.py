"""The session's product, with open connections."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.product import Product, connected
from tests.stack import Stack


@pytest.fixture(scope="session")
async def product(stack: Stack) -> AsyncIterator[Product]:
    """Uses the stack that all end-to-end tests share; a test must not damage it."""
    async with connected(stack) as connection:
        yield connection
