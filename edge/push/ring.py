"""The newest events of all sources, in the order in which the hub passed them: for clients that reconnect soon."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from edge.push.pushed import Pushed

MOST_EVENTS = 16_384
"""Sixteen seconds at 1,000 events per second: longer than a client takes to reconnect after a restart."""
MOST_BYTES = 32 * 1024 * 1024
"""Of messages as received; with their decoded and encoded forms they take about four times as much memory."""


class Ring:
    """Events with the numbers from `first` to `next` - 1. `floors`: for each source, the last position that was dropped."""

    def __init__(self, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self.first = 0
        self.next = 0
        self.floors: dict[str, int] = {}
        self._most_bytes = most_bytes
        self._bytes = 0
        self._slots: list[Pushed | None] = [None] * most_events

    def begin(self, positions: Mapping[str, int]) -> None:
        """Empties the ring; events up to these positions will never be in it."""
        while self.first < self.next:
            self._forget_oldest()
        self.floors = dict(positions)

    def append(self, pushed: Pushed) -> None:
        """Adds the next event; `pushed.number` is `next`. Drops the oldest ones when there is no room."""
        if self.next - self.first == len(self._slots):
            self._forget_oldest()
        self._slots[self.next % len(self._slots)] = pushed
        self.next += 1
        self._bytes += len(pushed.event.data)
        while self._bytes > self._most_bytes:
            self._forget_oldest()

    def after(self, number: int, most: int) -> list[Pushed]:
        """Up to `most` events from this number on. KeyError when the first of them is no longer there."""
        if number < self.first:
            raise KeyError(number)
        until = min(self.next, number + most)
        return [found for at in range(number, until) if (found := self._slots[at % len(self._slots)]) is not None]

    def first_after(self, positions: Mapping[str, int]) -> int:
        """The number of the first event after any of these positions; `next` when there is none."""
        return bisect_left(
            range(self.next), True, self.first, self.next, key=lambda number: self._is_after(number, positions)
        )

    def _is_after(self, number: int, positions: Mapping[str, int]) -> bool:
        pushed = self._slots[number % len(self._slots)]
        return pushed is not None and any(pushed.positions.get(s, 0) > at for s, at in positions.items())

    def _forget_oldest(self) -> None:
        place = self.first % len(self._slots)
        oldest = self._slots[place]
        self._slots[place] = None
        self.first += 1
        if oldest is not None:
            self._bytes -= len(oldest.event.data)
            self.floors[oldest.event.source] = oldest.event.position
