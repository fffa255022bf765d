"""Compares the databases with the deliveries: no event missing, no effect twice, each key in order."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass
from typing import LiteralString

from tests import databases
from tests.delivery.followers import Follower, Receiver
from tests.stack import Stack

SOURCES = {"inventory": "inventory", "order": "orders", "promo": "promo"}
"""Each source and its database."""
EVENTS: LiteralString = "SELECT id, position FROM outbox WHERE position > %s"
HEAD: LiteralString = "SELECT position, sent, (SELECT count(*) FROM outbox WHERE published_at IS NULL) FROM event_log"
PENDING: LiteralString = "SELECT count(*) FROM deliveries WHERE state = 'PENDING' AND endpoint_id = ANY (%s)"
DELIVERIES: LiteralString = "SELECT endpoint_id, event_id, count(*) FROM deliveries GROUP BY endpoint_id, event_id"
ORDERED = "/ordered"
"""The path of the endpoint with ordered delivery."""
PURCHASES: LiteralString = "SELECT order_id, count(*) FROM purchases GROUP BY order_id"
PARKED: LiteralString = "SELECT count(*) FROM parked_events"
SETTLED_WITHIN_S = 120.0
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the table. All but `events`, `repeats` and `seconds` must be 0."""

    events: int
    missing: int
    """Events that did not reach the WebSocket client or a webhook receiver, or without their effect."""
    twice: int
    """Repeated effects: deliveries, purchases, and events that a WebSocket client saw again."""
    disordered: int
    repeats: int
    """Webhooks that arrived more than once, which is allowed."""
    seconds: float
    """From the end of the load until everything was delivered."""


class Judge:
    """Remembers the positions of the logs at the start."""

    def __init__(self, stack: Stack) -> None:
        self._databases = {source: stack.database(name) for source, name in SOURCES.items()}
        self._webhooks = stack.database("webhooks")
        self._promo = stack.database("promo")
        self._began = {source: databases.read(url, HEAD)[0][0] for source, url in self._databases.items()}

    async def settled(self, follower: Follower, receiver: Receiver, endpoints: list[str]) -> float:
        """Waits until every event is sent, delivered and handled; returns the seconds taken, at most SETTLED_WITHIN_S."""
        began = time.monotonic()
        while time.monotonic() - began < SETTLED_WITHIN_S:
            if await asyncio.to_thread(self._is_settled, follower, receiver, endpoints):
                return time.monotonic() - began
            await asyncio.sleep(LOOK_S)
        return SETTLED_WITHIN_S

    def verdict(
        self, follower: Follower, receiver: Receiver, endpoints: dict[str, str], placed: list[str], seconds: float
    ) -> Verdict:
        """`endpoints`: path by id, for endpoints that follow everything and answer."""
        events = self._events()
        seen = Counter(id_ for _, _, id_ in follower.seen)
        deliveries = databases.read(self._webhooks, DELIVERIES)
        mine = [row for row in deliveries if row[0] in endpoints and row[1] in events]
        purchases = dict(databases.read(self._promo, PURCHASES))
        arrived = Counter(name.partition(" ")[0] for name in receiver.received)
        missing = (
            sum(id_ not in seen for id_ in events)
            + sum(max(0, len(events) - arrived[path]) for path in endpoints.values())
            + max(0, len(events) * len(endpoints) - len(mine))
            + sum(max(0, number - arrived[path]) for path, number in receiver.expected.items())
            + sum(order not in purchases for order in placed)
        )
        twice = (
            sum(count - 1 for id_, count in seen.items() if id_ in events)
            + sum(row[2] - 1 for row in mine)
            + sum(count - 1 for count in purchases.values())
        )
        repeats = sum(count - 1 for count in receiver.received.values())
        return Verdict(len(events), missing, twice, self._disordered(follower, receiver), repeats, seconds)

    def _events(self) -> set[str]:
        return {
            f"{source}-{row[0]}"
            for source, url in self._databases.items()
            for row in databases.read(url, EVENTS, self._began[source])
        }

    def _is_settled(self, follower: Follower, receiver: Receiver, endpoints: list[str]) -> bool:
        heads = [databases.read(url, HEAD)[0] for url in self._databases.values()]
        if any(position != sent or waiting for position, sent, waiting in heads):
            return False
        arrived = Counter(name.partition(" ")[0] for name in list(receiver.received))
        if any(arrived[path] < number for path, number in receiver.expected.items()):
            return False
        reached = dict.fromkeys(SOURCES, 0)
        for source, position, _ in follower.seen:
            if source in reached:
                reached[source] = max(reached[source], position)
        if any(reached[source] < head[0] for source, head in zip(SOURCES, heads, strict=True)):
            return False
        parked = databases.read(self._webhooks, PARKED)[0][0] + databases.read(self._promo, PARKED)[0][0]
        handled = len({row[1] for row in databases.read(self._webhooks, DELIVERIES)} & self._events())
        pending = databases.read(self._webhooks, PENDING, endpoints)[0][0]
        return bool(not parked and not pending and handled == len(self._events()))

    def _disordered(self, follower: Follower, receiver: Receiver) -> int:
        newest: dict[str, int] = {}
        wrong = 0
        for source, position, _ in follower.seen:
            wrong += position <= newest.get(source, 0)
            newest[source] = max(newest.get(source, 0), position)
        for (path, _, _), sequences in receiver.order.items():
            if path != ORDERED:
                continue
            wrong += sum(later < earlier for earlier, later in itertools.pairwise(sequences))
        return wrong
