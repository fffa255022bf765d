"""Declares and counts metrics: plain numbers of one event loop, without locks. METRICS.md lists them.

A metric is declared once, at the top of the module that counts it, with literal arguments: tests/house compares them to the
table. prometheus-client's own types take a lock for every count and cost ten times as much; it only serves these numbers
(exposition.py).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from time import perf_counter
from typing import Generic, Literal, TypeVar, overload

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
"""Bounds from a fast read to the longest deadline."""
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
MOST_CHILDREN = 500
"""Combinations of label values per metric; further ones are counted together under OTHER, which bounds the memory."""
OTHER = "other"

Kind = Literal["counter", "gauge", "histogram"]


class Number:
    """One counter or gauge. On a hot path write `number.value += 1`, which does the same as `add`."""

    __slots__ = ("_read", "value")

    def __init__(self) -> None:
        self.value: float = 0
        self._read: Callable[[], float] | None = None

    def add(self, amount: float = 1) -> None:
        """Adds to the value; counters only grow."""
        self.value += amount

    def set(self, value: float) -> None:
        """Sets the value of a gauge."""
        self.value = value

    def read_from(self, read: Callable[[], float]) -> None:
        """Reads the value from elsewhere: the listener's thread calls `read` at each scrape. A later call replaces `read`."""
        self._read = read

    def now(self) -> float:
        """The value to show."""
        return self.value if self._read is None else self._read()


class Spread:
    """One histogram: the number of observations up to each bound, and their sum."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Counts one observation."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Observes how long the block takes, even when it raises."""
        began = perf_counter()
        try:
            yield
        finally:
            self.observe(perf_counter() - began)

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds and the number of observations up to each, as Prometheus expects them."""
        names = [*(repr(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(names, accumulate(map(float, self.counts)), strict=True))


Child = TypeVar("Child", Number, Spread)


class Family(Generic[Child]):
    """A metric with labels: one child per combination of their values."""

    def __init__(self, name: str, kind: Kind, meaning: str, labels: tuple[str, ...], make: Callable[[], Child]) -> None:
        self.name = name
        self.kind: Kind = kind
        self.meaning = meaning
        self.labels = labels
        self._make: Callable[[], Child] = make
        self._children: dict[tuple[str, ...], Child] = {}

    def of(self, *values: str) -> Child:
        """The child for these label values, in the order of the declaration. This is a look-up: hot paths keep the result."""
        child = self._children.get(values)
        if child is None:
            if len(values) != len(self.labels):
                raise ValueError(f"{self.name} has the labels {self.labels}")
            if len(self._children) >= MOST_CHILDREN:
                values = (OTHER,) * len(self.labels)
            child = self._children.setdefault(values, self._make())
        return child

    def children(self) -> list[tuple[tuple[str, ...], Child]]:
        """All children; a copy, because the loop keeps counting while the listener's thread reads."""
        return list(self._children.items())


_declared: dict[str, Family[Number] | Family[Spread]] = {}


def declared() -> Iterator[Family[Number] | Family[Spread]]:
    """Every metric of the modules that this process has imported."""
    yield from list(_declared.values())


@overload
def counter(name: str, meaning: str, /) -> Number: ...
@overload
def counter(name: str, meaning: str, label: str, /, *labels: str) -> Family[Number]: ...
def counter(name: str, meaning: str, /, *labels: str) -> Number | Family[Number]:
    """Declares a counter, which only grows; its name ends in `_total`. Without labels, returns the number itself."""
    family = _keep(Family(name, "counter", meaning, labels, Number))
    return family if labels else family.of()


@overload
def gauge(name: str, meaning: str, /) -> Number: ...
@overload
def gauge(name: str, meaning: str, label: str, /, *labels: str) -> Family[Number]: ...
def gauge(name: str, meaning: str, /, *labels: str) -> Number | Family[Number]:
    """Declares a gauge, which goes up and down."""
    family = _keep(Family(name, "gauge", meaning, labels, Number))
    return family if labels else family.of()


@overload
def histogram(name: str, meaning: str, /, *, bounds: tuple[float, ...] = ...) -> Spread: ...
@overload
def histogram(
    name: str, meaning: str, label: str, /, *labels: str, bounds: tuple[float, ...] = ...
) -> Family[Spread]: ...
def histogram(name: str, meaning: str, /, *labels: str, bounds: tuple[float, ...] = SECONDS) -> Spread | Family[Spread]:
    """Declares a histogram: of seconds (`_seconds`) by default, or with SIZES as bounds."""
    family = _keep(Family(name, "histogram", meaning, labels, lambda: Spread(bounds)))
    return family if labels else family.of()


def _keep(family: Family[Child]) -> Family[Child]:
    if family.name in _declared:
        raise ValueError(f"{family.name} is declared twice")
    _declared[family.name] = family
    return family
