"""One process of the REST fuzz: runs schemathesis with one seed and counts cases, checks and findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import schemathesis
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

from tests.fuzz.rest import hooks, settings
from tests.fuzz.rest.settings import Plan

MOST_KEPT = 60
"""Findings that are printed in full; the others are only counted."""
WORDS = 1_200


@dataclass
class Outcome:
    """The results of one process: cases per phase, and each kind of finding with one example."""

    cases: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, words: str) -> None:
        """Adds a finding; the first of its kind is kept in full."""
        self.seen[kind] += 1
        if kind not in self.findings and len(self.findings) < MOST_KEPT:
            self.findings[kind] = words[:WORDS]

    def merge(self, other: Outcome) -> None:
        """Adds the results of another process."""
        self.cases += other.cases
        self.answers += other.answers
        self.seen += other.seen
        self.findings = {**other.findings, **self.findings}


def run(plan: Plan, secret: str) -> Outcome:
    """Runs the plan's phases until its time is over; `secret` signs the payment provider's events."""
    hooks.register(secret)
    config = SchemathesisConfig.from_dict(settings.project(plan))
    schema = schemathesis.openapi.from_url(f"{plan.edge}/openapi.json", config=config)
    outcome = Outcome()
    for event in engine.from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(event, outcome)
        elif isinstance(event, events.NonFatalError):
            outcome.add(f"schemathesis: {event.label}", str(event.info))
        elif isinstance(event, events.FatalError):
            outcome.add("schemathesis ended", repr(event.exception))
    return outcome


def _count(event: events.ScenarioFinished, outcome: Outcome) -> None:
    recorder = event.recorder
    outcome.cases[event.phase.value] += len(recorder.interactions)
    for interaction in recorder.interactions.values():
        if interaction.response is not None:
            outcome.answers[interaction.response.status_code] += 1
        else:
            outcome.add(f"{recorder.label}: no answer", "the connection was lost or the answer took too long")
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if (known := check.failure_info) is not None:
                answer = recorder.find_response(case_id=known.failure.case_id or case_id)
                body = answer.content[:400] if answer is not None else b""
                kind = f"{recorder.label}: {check.name}: {known.failure.title}"
                outcome.add(kind, f"{known.failure.message}\n{known.code_sample}\n{body!r}")
