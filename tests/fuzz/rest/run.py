"""The REST side of `python -m tests.fuzz`: schemathesis with the OpenAPI document, against the edge of a seeded stack."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from tests import stack as stacks
from tests.fuzz.config import Settings
from tests.fuzz.rest import goods, settings
from tests.fuzz.rest.one import Outcome, run
from tests.fuzz.rest.settings import Plan
from tests.stack import Stack

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PER_CORE = 2
"""Processes: while one waits for an answer, another makes a request. Threads would share one interpreter's time."""
LONG_S = 60.0
"""A run of at least this length uses every core; a shorter one would spend its time on starting processes."""


def main(wanted: Settings) -> int:
    """Fuzzes a separate stack and prints the results; returns the number of kinds of findings."""
    with stocked() as (stack, known):
        started = time.monotonic()
        plan = Plan(stack.edge, str(stack.run["token"]), known, wanted.seconds, wanted.seed)
        outcome = together(plan, PER_CORE * len(os.sched_getaffinity(0)) if wanted.seconds >= LONG_S else 1)
        report(outcome, time.monotonic() - started)
    return len(outcome.seen)


@contextmanager
def stocked() -> Iterator[tuple[Stack, dict[str, list[str]]]]:
    """A seeded product with goods of all states, and their ids."""
    with stacks.running(SEED="on", SANDBOX_WEBHOOK_SECRET=SECRET, WEBHOOK_ALLOW_PRIVATE="on") as stack:
        yield stack, goods.stocked(stack)


def together(plan: Plan, processes: int) -> Outcome:
    """The results of all processes. Only the first one generates the cases that are the same for every seed."""
    plans = [plan] + [replace(plan, seed=plan.seed + place, phases=settings.CHANCE) for place in range(1, processes)]
    outcome = Outcome()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for ended in [pool.submit(run, one, SECRET) for one in plans]:
            outcome.merge(ended.result())
    return outcome


def report(outcome: Outcome, took_s: float) -> None:
    """Prints figures and findings."""
    total = outcome.cases.total()
    print(f"rest: {total} cases in {took_s:.0f} s ({total / took_s:.0f}/s), by phase {dict(outcome.cases)}")
    print(f"rest: answers {dict(sorted(outcome.answers.items()))}")
    for kind, count in outcome.seen.most_common():
        print(f"rest: FINDING {count} x {kind}\n{outcome.findings.get(kind, '')}\n")
    print(f"rest: {len(outcome.seen)} kinds of findings")
