"""The short form of `make delivery`: two of its faults, for three seconds of orders."""

from __future__ import annotations

import asyncio

import pytest

from tests.delivery.__main__ import judged
from tests.delivery.faults import FAULTS

SECONDS = 3.0
SHORT = ("broker killed, empty after 3 s", "inventory and its relay killed")


@pytest.mark.parametrize("name", SHORT)
def test_everybody_is_told_and_every_effect_happens_once(name: str) -> None:
    verdict = asyncio.run(judged(name, SHORT.index(name), FAULTS[name], SECONDS))
    assert verdict.events > 0
    assert (verdict.missing, verdict.twice, verdict.disordered) == (0, 0, 0)
