"""The order of one source's events: which are next, which wait for a gap to be filled, which are repeats."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from chassis.events.event import Event
from edge.push import metrics

MOST_HELD = 10_000
"""Events that may wait behind a gap. More are dropped here: filling the gap reads them again."""
IDS_REMEMBERED = 20_000
"""Newest ids per source: many times the events of the half second that Postgres may renumber after a crash."""
UNKNOWN = -1
"""The position of the log is not known yet."""


class Sequence:
    """Positions of one source are 1, 2, 3 and on; `position` is the last that was passed. No I/O, no waiting."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.position = UNKNOWN
        self.gap_since: float | None = None
        """When the oldest event that waits behind a gap arrived."""
        self._monotonic_s = monotonic_s
        self._held: dict[int, Event] = {}
        self._ids: set[str] = set()
        self._oldest_ids: deque[str] = deque()

    def begin(self, position: int) -> None:
        """Skips everything up to this position. Repeated only when the log no longer holds the next event."""
        self.position = position
        self._held = {place: event for place, event in self._held.items() if place > position}

    def offer(self, event: Event) -> Iterator[Event]:
        """Accepts an event from the broker. Yields the next events: this one and those that waited behind it, or none."""
        if self.position == UNKNOWN:
            return
        if event.position <= self.position:
            metrics.REPEATS.value += 1
            return
        if len(self._held) < MOST_HELD:
            self._held[event.position] = event
        yield from self._release()

    def settle(self, up_to: int, events: Iterable[Event]) -> Iterator[Event]:
        """Accepts a page of the log, which has these events and no others up to this position. Yields the next events."""
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
        """Postgres may renumber an event after a crash: the same id at a later position is a repeat."""
        self.position = event.position
        if event.id in self._ids:
            metrics.REPEATS.value += 1
            return
        self._ids.add(event.id)
        self._oldest_ids.append(event.id)
        if len(self._oldest_ids) > IDS_REMEMBERED:
            self._ids.discard(self._oldest_ids.popleft())
        yield event
