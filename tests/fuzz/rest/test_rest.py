"""The short form of the REST fuzz, with fixed seeds: the edge behaves as the document says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from tests.fuzz.rest import run, settings
from tests.fuzz.rest.settings import Plan

SECONDS = (8.0, 16.0, 60.0)
"""Repeated with more time if a busy machine made too few cases: hypothesis needs seconds for the first one."""
LEAST_CASES = 40


@pytest.fixture(scope="module")
def plan() -> Iterator[Plan]:
    """For a separate product, so that leftovers affect no other test."""
    with run.stocked() as (stack, known):
        yield Plan(stack.edge, str(stack.run["token"]), known, SECONDS[0], 2026)


@pytest.mark.parametrize("phases", [settings.FIXED, settings.CHANCE])
def test_what_the_document_allows_is_taken_and_what_it_forbids_is_refused(plan: Plan, phases: Sequence[str]) -> None:
    for seconds in SECONDS:
        outcome = run.together(replace(plan, seconds=seconds, phases=phases), 1)
        assert not outcome.seen, "\n\n".join(f"{kind}\n{words}" for kind, words in outcome.findings.items())
        if outcome.cases.total() > LEAST_CASES:
            return
    raise AssertionError(f"only {outcome.cases.total()} cases")
