"""The short form of `make fault`: the faults that most likely break something, on one cluster."""

from __future__ import annotations

import pytest

from tests.fault import trials
from tests.fault.config import Settings
from tests.fault.faults.catalogue import short
from tests.fault.trials import Row

SHORT = Settings(rate=150.0, pauses=0.1)


@pytest.fixture(scope="module")
async def rows() -> dict[str, Row]:
    """Rows after all faults have run and their leftovers had time to go."""
    return {row.fault: row for row in await trials.wave(SHORT, short(), print)}


@pytest.mark.parametrize("name", [fault.name for fault in short()])
async def test_nothing_is_oversold_lost_or_stranded(rows: dict[str, Row], name: str) -> None:
    row = rows[name]
    assert row.tries == 1
    assert row.clean, [*row.failed, *row.verdict.examples]
