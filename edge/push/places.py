"""Limits of live connections: per process, per ticket, per address."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

from edge import problems
from edge.problems import Problem
from edge.push import metrics
from edge.push.visitor import Visitor

MOST_CLIENTS = 2_000
"""Connections per process: if a hundred of them take every event, one core is busy at 1,000 events per second."""
RESERVED = 200
"""Of these, reserved for the API token: pages with tickets cannot take the last ones from the shop's own programs."""
MOST_PER_TICKET = 20
"""A ticket is for one page: a few tabs, each with a few connections, and lost ones that have not been noticed yet."""
MOST_PER_ADDRESS = 200
"""For tickets. An office or a mobile network shares one address; a process has room for nine of these."""

Key = TypeVar("Key")


class Places:
    """Counts visitors. Call `refusal` just before `take`, without an await between them."""

    def __init__(self) -> None:
        self._taken = 0
        self._by_ticket: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()
        self._sockets: Counter[Visitor] = Counter()

    @property
    def taken(self) -> int:
        """Number of places taken."""
        return self._taken

    @property
    def visitors(self) -> list[Visitor]:
        """A copy, for any thread, with each visitor once, however many places it has."""
        return list(self._sockets)

    def refusal(self, visitor: Visitor) -> Problem | None:
        """The problem if there is no place for this visitor; None if there is one. Counts refusals."""
        ticket = visitor.grant.ticket
        if self._taken >= (MOST_CLIENTS - RESERVED if ticket else MOST_CLIENTS):
            metrics.REFUSED.of("process").value += 1
            return problems.overloaded("This process has reached its limit of live connections.")
        if ticket and self._by_ticket[ticket] >= MOST_PER_TICKET:
            return _too_many("ticket", MOST_PER_TICKET)
        if ticket and visitor.address and self._by_address[visitor.address] >= MOST_PER_ADDRESS:
            return _too_many("address", MOST_PER_ADDRESS)
        return None

    def take(self, visitor: Visitor) -> None:
        """Takes a place. Every `take` needs its `leave`."""
        self._taken += 1
        self._sockets[visitor] += 1
        if visitor.grant.ticket:
            self._by_ticket[visitor.grant.ticket] += 1
            self._by_address[visitor.address] += 1

    def leave(self, visitor: Visitor) -> None:
        """Gives a place back."""
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
