"""The vocabulary of the mechanism: counters, claims, takes and their outcomes. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

State: TypeAlias = Literal["ACTIVE", "COMMITTED", "RELEASED", "EXPIRED", "ABORTED"]
Taken: TypeAlias = tuple[tuple[str, int], ...]
"""The units taken: counter key and quantity, each key once."""


class WantedLine(NamedTuple):
    """`quantity` from the first of `keys` that has it, or from several of them where `split` allows."""

    keys: tuple[str, ...]
    quantity: int
    split: bool = False


class Claim(NamedTuple):
    """A request to claim counters, all or nothing. The id is the key: a repeat is the same reservation."""

    id: str
    fingerprint: str
    lines: tuple[WantedLine, ...]
    ttl_ms: int
    owner: str = ""


class Take(NamedTuple):
    """A claim that the gate let through, on its way to the journal. `nonce` distinguishes this take from others of the id."""

    claim: Claim
    nonce: str
    taken: Taken
    epoch: int


class Mark(NamedTuple):
    """How far the journal has come in an epoch; the token distinguishes two histories that share a number."""

    number: int
    token: str


NO_MARK = Mark(0, "")


class Reservation(NamedTuple):
    """A reservation as the journal has it; times in unix milliseconds of the journal's clock."""

    id: str
    state: State
    fingerprint: str
    nonce: str
    owner: str
    taken: Taken
    expires_ms: int
    created_ms: int


@dataclass(frozen=True, slots=True)
class ShortLine:
    """A line that did not fit: its index, the most available, and whether the gate knows any of its counters."""

    index: int
    available: int
    known: bool


class Refused(Exception):
    """The claim does not fit; nothing is taken."""

    def __init__(self, short: tuple[ShortLine, ...]) -> None:
        super().__init__("short")
        self.short = short


class Reused(Exception):
    """The id belongs to a reservation with another body."""


class Aborted(Exception):
    """The reservation was undone before it was complete; its id cannot be used again."""


class Stale(Exception):
    """The gate's epoch is not the one that the caller holds (or its scripts are gone): rebuild or adopt, then try again."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"epoch {epoch} is not current")
        self.epoch = epoch
