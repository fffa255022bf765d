"""The answers that clients received: the other side of the oracle. Sent from the generator's process to the judge."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Intent: TypeAlias = Literal["commit", "release", "extend", "leave"]


@dataclass(slots=True)
class Entry:
    """One reservation as its client knows it."""

    id: str
    lines: tuple[tuple[str, int], ...]
    intent: Intent
    owner: str = ""
    held: bool = False
    """A ReserveStock of it was acknowledged."""
    expires_ms: int = 0
    """The latest acknowledged expire_time."""
    refused: str = ""
    """Why it was not held: the reason of the last refusal."""
    unknown: int = 0
    """Attempts to reserve whose own outcome the client never learned."""
    settled: str = ""
    """The state that the answer to a commit or release reported."""
    settle_refused: str = ""
    settle_asked: bool = False
    """A commit or release was sent: without an answer its outcome is unknown."""


@dataclass(slots=True)
class Latencies:
    """Milliseconds by request and outcome, such as `reserve OK`."""

    of: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, ms: float) -> None:
        self.of.setdefault(name, []).append(ms)

    def percentile(self, name: str, share: float) -> float:
        """0 if there are none."""
        sample = sorted(self.of.get(name, ()))
        return sample[min(len(sample) - 1, int(share * len(sample)))] if sample else 0.0


@dataclass(slots=True)
class Ledger:
    """The record of one load: entries, number of requests, outcomes of the attempts."""

    entries: list[Entry] = field(default_factory=list)
    requests: int = 0
    skipped: int = 0
    """Clients that did not send a request, because too many were waiting: an open loop has its bounds too."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """Attempts by outcome: `reserve OK`, `commit UNAVAILABLE`."""
    words: Counter[str] = field(default_factory=Counter)
    """gRPC's own messages for attempts that no service answered."""
    latencies: Latencies = field(default_factory=Latencies)

    def join(self, other: Ledger) -> None:
        """Adds the ledger of another generator."""
        self.entries += other.entries
        self.requests += other.requests
        self.skipped += other.skipped
        self.outcomes += other.outcomes
        self.words += other.words
        for name, sample in other.latencies.of.items():
            self.latencies.of.setdefault(name, []).extend(sample)
