"""The order of one source's events: what is next, what must wait for a gap to be filled, what came before."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from chassis.events.event import Event
from edge.push import metrics

MOST_HELD = 10_000
"""Events that may wait behind a gap. More are forgotten here: filling the gap brings them, too."""
IDS_REMEMBERED = 20_000
"""Newest ids per source: many times what the half second holds that a crash of Postgres may number anew."""
UNKNOWN = -1
"""Nobody has said yet where the log stands."""


class Sequence:
    """Positions of one source count 1, 2, 3; `position` is the last that was passed. No I/O, no waiting."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.position = UNKNOWN
        self.gap_since: float | None = None
        """When the oldest event that waits behind a gap came."""
        self._monotonic_s = monotonic_s
        self._held: dict[int, Event] = {}
        self._ids: set[str] = set()
        self._oldest_ids: deque[str] = deque()

    def begin(self, position: int) -> None:
        """Everything up to here is past. Again only when the log no longer holds what comes next."""
        self.position = position
        self._held = {place: event for place, event in self._held.items() if place > position}

    def offer(self, event: Event) -> Iterator[Event]:
        """An event came from the broker. Yields what is next now: it, with what waited behind it, or nothing."""
        if self.position == UNKNOWN:
            return
        if event.position <= self.position:
            metrics.REPEATS.value += 1
            return
        if len(self._held) < MOST_HELD:
            self._held[event.position] = event
        yield from self._release()

    def settle(self, up_to: int, events: Iterable[Event]) -> Iterator[Event]:
        """The log says: up to this position there are these events and no others. Yields what is next now."""
        for event in events:
            if event.position > self.position and event.position not in self._held:
                self._held[event.position] = event
                metrics.FILLS.value += 1
        for place in sorted(place for place in self._held if self.position < place <= up_to):
            yield from self._pass(self._held.pop(place))
        self.position = max(self.position, up_to)
        yield from self._release()

    def _release(self) -> Iterator[Event]:
        moved = False
        while (event := self._held.pop(self.position + 1, None)) is not None:
            moved = True
            yield from self._pass(event)
        if not self._held:
            self.gap_since = None
        elif moved or self.gap_since is None:
            self.gap_since = self._monotonic_s()

    def _pass(self, event: Event) -> Iterator[Event]:
        """A crash of Postgres may number an event anew: the same id at a later position is a repeat."""
        self.position = event.position
        if event.id in self._ids:
            metrics.REPEATS.value += 1
            return
        self._ids.add(event.id)
        self._oldest_ids.append(event.id)
        if len(self._oldest_ids) > IDS_REMEMBERED:
            self._ids.discard(self._oldest_ids.popleft())
        yield event
