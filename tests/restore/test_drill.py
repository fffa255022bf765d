"""The short form of `python -m tests.restore`."""

from __future__ import annotations

import pytest

from tests import config
from tests.restore.__main__ import holds
from tests.restore.drill import play

pytestmark = pytest.mark.skipif(
    config.load().database_url is not None, reason="the drill replaces the files of a Postgres of its own"
)


async def test_a_backup_of_one_instant_comes_back_without_a_contradiction() -> None:
    result = await play(one_instant=True, before=40, during=20, after=60, noted=False)
    assert (result.found, holds(result)) == (0, True), result
    assert result.lost >= 60


async def test_four_dumps_under_orders_leave_contradictions_that_one_command_repairs() -> None:
    result = await play(one_instant=False, before=40, during=40, after=60)
    assert result.found > 0, result
    assert holds(result), result
