"""The short form of the fuzz of all gRPC methods, with fixed seeds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import stack as stacks
from tests.fuzz.rpc.run import fuzz
from tests.stack import Stack

SECONDS = 5.0
LEAST_CALLS = 200


@pytest.fixture(scope="module")
def shop() -> Iterator[Stack]:
    """A separate seeded product, so that leftovers affect no other test."""
    with stacks.running(SEED="on") as stack:
        yield stack


@pytest.mark.parametrize("seed", [12, 2026])
async def test_no_message_and_no_bytes_find_a_bug_in_any_method(shop: Stack, seed: int) -> None:
    report = await fuzz(shop, seed, SECONDS)
    assert not report.findings, "\n".join(report.lines())
    assert report.calls > LEAST_CALLS
    assert report.methods > 70
