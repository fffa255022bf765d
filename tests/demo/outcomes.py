"""The outcome of each visit, as the buyer saw it, and the figures derived from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.demo.plan import Visit
from tests.demo.shop import Reply

STILL_OPEN = 202
DECLINED = 402


@dataclass(slots=True)
class Outcome:
    """One visit: the first answer, the answers to its repeats, and later actions on the order."""

    visit: Visit
    reply: Reply
    repeats: list[Reply] = field(default_factory=list)
    cancelled: bool = False
    fulfilled: bool = False

    @property
    def order_id(self) -> str:
        return named_order(self.reply)

    @property
    def replies(self) -> list[Reply]:
        return [self.reply, *self.repeats]


@dataclass(slots=True)
class Results:
    """The results of all traffic."""

    mixed: list[Outcome] = field(default_factory=list)
    rush: list[Outcome] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    abandoned_refused: int = 0
    reported_by_bank: set[str] = field(default_factory=set)
    troubles: list[str] = field(default_factory=list)
    sent_again: Counter[str] = field(default_factory=Counter)
    elapsed_s: float = 0.0

    @property
    def outcomes(self) -> list[Outcome]:
        return [*self.mixed, *self.rush]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the first attempt to the answer."""

    count: int
    p50: float
    p99: float
    worst: float


def named_order(reply: Reply) -> str:
    """The order that an answer names; a refusal names it too, in its metadata."""
    metadata = reply.body.get("metadata") or {}
    return str(reply.body.get("order_id") or metadata.get("order_id", ""))


def same_answer(outcome: Outcome) -> bool:
    """True if every answer names one order, and the final ones agree: accepted, or one refusal."""
    final = [reply for reply in outcome.replies if reply.status != STILL_OPEN]
    verdicts = {(reply.accepted, "" if reply.accepted else reply.reason) for reply in final}
    return len({named_order(reply) for reply in outcome.replies}) == 1 and len(verdicts) <= 1


def latency(replies: Iterable[Reply]) -> Latency:
    """The usual percentiles; zeros if there are no answers."""
    sorted_ms = sorted(reply.latency_ms for reply in replies)
    if not sorted_ms:
        return Latency(0, 0.0, 0.0, 0.0)
    last = len(sorted_ms) - 1
    return Latency(len(sorted_ms), sorted_ms[round(last * 0.5)], sorted_ms[round(last * 0.99)], sorted_ms[-1])


def refusals(outcomes: Iterable[Outcome]) -> Counter[str]:
    """Number of refusals by reason, declined payments separately."""
    return Counter(
        f"{outcome.reply.status} {outcome.reply.reason}"
        for outcome in outcomes
        if not outcome.reply.accepted and outcome.reply.status != DECLINED
    )
