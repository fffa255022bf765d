"""An edge on a real port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.edge.far_side import FarSide
from tests.edge.push.served import Served, serving


@pytest.fixture
async def served(far_side: FarSide) -> AsyncIterator[Served]:
    async with serving(far_side) as running:
        yield running
