"""How many live connections one process takes: in all, of one ticket, from one address."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

from edge import problems
from edge.problems import Problem
from edge.push import metrics
from edge.push.visitor import Visitor

MOST_CLIENTS = 2_000
"""Connections per process: with a hundred of them taking everything, one core is busy at 1,000 events per second."""
RESERVED = 200
"""Of those, for the holder of the API token: pages with tickets cannot take the last ones from the shop's own programs."""
MOST_PER_TICKET = 20
"""A ticket is for one page: a few tabs, each with a few connections, and those that have not yet been noticed as lost."""
MOST_PER_ADDRESS = 200
"""For tickets: an office or a mobile network shares one address, a process has room for nine of these."""

Key = TypeVar("Key")


class Places:
    """Counts visitors. `take` does not wait; ask `refusal` just before it."""

    def __init__(self) -> None:
        self._taken = 0
        self._by_ticket: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()
        self._sockets: Counter[Visitor] = Counter()

    @property
    def taken(self) -> int:
        """How many there are."""
        return self._taken

    @property
    def visitors(self) -> list[Visitor]:
        """Each once, however many places it has; a copy, for any thread."""
        return list(self._sockets)

    def refusal(self, visitor: Visitor) -> Problem | None:
        """Why there is no place for this visitor; None when there is one. Counted."""
        ticket = visitor.grant.ticket
        if self._taken >= (MOST_CLIENTS - RESERVED if ticket else MOST_CLIENTS):
            metrics.REFUSED.of("process").value += 1
            return problems.overloaded("This process has all the live connections that it takes.")
        if ticket and self._by_ticket[ticket] >= MOST_PER_TICKET:
            return _too_many("ticket", MOST_PER_TICKET)
        if ticket and visitor.address and self._by_address[visitor.address] >= MOST_PER_ADDRESS:
            return _too_many("address", MOST_PER_ADDRESS)
        return None

    def take(self, visitor: Visitor) -> None:
        """One more. Every `take` has its `leave`."""
        self._taken += 1
        self._sockets[visitor] += 1
        if visitor.grant.ticket:
            self._by_ticket[visitor.grant.ticket] += 1
            self._by_address[visitor.address] += 1

    def leave(self, visitor: Visitor) -> None:
        """One less."""
        self._taken -= 1
        _drop(self._sockets, visitor)
        if visitor.grant.ticket:
            _drop(self._by_ticket, visitor.grant.ticket)
            _drop(self._by_address, visitor.address)


def _drop(counts: Counter[Key], key: Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _too_many(of: str, most: int) -> Problem:
    metrics.REFUSED.of(of).value += 1
    return problems.too_many_connections(of, most)
