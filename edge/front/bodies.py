"""Request bodies that are being received: a budget of bytes per process, and a smaller one for strangers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edge import problems
from edge.front import metrics
from edge.front.limits import Limits

FULL = "Too many bodies are being received at once."


class Bodies:
    """Counts only bodies that did not arrive with their headers; the others are read immediately."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.held_bytes = 0
        self.strangers = 0
        self.strangers_bytes = 0

    @contextmanager
    def waiting(self, stranger: bool) -> Iterator[Receiving]:
        """Counts one body until it is complete or given up. Problem 503 without room. `stranger`: not authenticated."""
        if stranger and self.strangers >= self._limits.unproven_bodies:
            metrics.REFUSED.of("bodies_full").value += 1
            raise problems.overloaded(FULL)
        receiving = Receiving(self, stranger)
        self.strangers += stranger
        try:
            yield receiving
        finally:
            self.strangers -= stranger
            self.held_bytes -= receiving.size
            metrics.BODIES.value = self.held_bytes
            if stranger:
                self.strangers_bytes -= receiving.size

    def take(self, receiving: Receiving, size: int) -> None:
        """Counts received bytes. Problem 503 without room."""
        receiving.size += size
        self.held_bytes += size
        metrics.BODIES.value = self.held_bytes
        full = self.held_bytes > self._limits.bodies_bytes
        if receiving.stranger:
            self.strangers_bytes += size
            full = full or self.strangers_bytes > self._limits.unproven_bodies_bytes
        if full:
            metrics.REFUSED.of("bodies_full").value += 1
            raise problems.overloaded(FULL)


class Receiving:
    """One body that is being received."""

    __slots__ = ("_bodies", "size", "stranger")

    def __init__(self, bodies: Bodies, stranger: bool) -> None:
        self._bodies = bodies
        self.stranger = stranger
        self.size = 0

    def take(self, size: int) -> None:
        """See `Bodies.take`."""
        self._bodies.take(self, size)
