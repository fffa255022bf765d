"""The short form of `python -m tests.siege`: callers with the token and probes are served while anonymous clients attack."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests import stack as stacks
from tests.siege.attack import ATTACKS
from tests.siege.caller import Caller
from tests.siege.siege import attacking
from tests.siege.target import Target
from tests.stack import Stack

SECONDS = 1.5
SCALE = 0.3
"""1,500 sockets: more than anonymous clients may open."""
STRANGERS = ("5,000 half-open bodies", "5,000 slow headers", "six headers of 50 MB")


@pytest.fixture(scope="module")
def besieged_stack() -> Iterator[Stack]:
    """A product that no other test uses."""
    with stacks.running() as running:
        yield running


def test_callers_and_probes_are_served_while_strangers_attack(besieged_stack: Stack) -> None:
    async def attacked() -> dict[str, dict[str, int]]:
        caller, failures = Caller(besieged_stack), {}
        try:
            await caller.open()
            stack = besieged_stack
            target = Target(stack.edge, stack.address("inventory"), "", await caller.ticket(), SCALE)
            for name in STRANGERS:
                async with attacking(name, target):
                    calls, probes = await asyncio.gather(caller.calls(SECONDS), caller.probes(SECONDS))
                assert calls.seconds and probes.seconds
                failures[name] = calls.failures | probes.failures
        finally:
            await caller.close()
        return failures

    assert asyncio.run(attacked()) == {name: {} for name in STRANGERS}


def test_every_attack_of_the_issue_is_there() -> None:
    assert set(STRANGERS) < set(ATTACKS)
    assert len(ATTACKS) == 9
