"""Stock as plain dictionaries: the service's correct answers and rows if nothing ever fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Key: TypeAlias = str
Taken: TypeAlias = dict[Key, int]


@dataclass(frozen=True)
class Line:
    """One line of a basket, as a caller requests it; no locations means any."""

    sku: str
    quantity: int
    locations: tuple[str, ...] = ()
    split: bool = False


@dataclass
class Level:
    """One sku in one place; on hand by lot."""

    lots: Counter[str] = field(default_factory=Counter)
    reserved: int = 0
    committed: int = 0
    backorder_limit: int = 0

    @property
    def on_hand(self) -> int:
        """Units of all lots."""
        return sum(self.lots.values())

    @property
    def takeable(self) -> int:
        """Units that may still be reserved."""
        return self.on_hand - self.reserved - self.committed + self.backorder_limit

    def leave(self, quantity: int) -> None:
        """Removes units, those of the unnamed lot first."""
        for lot in sorted(self.lots):
            part = min(quantity, self.lots[lot])
            self.lots[lot] -= part
            quantity -= part


@dataclass
class Held:
    """A reservation: its request, its taken units, and its state."""

    basket: tuple[Line, ...]
    taken: Taken
    state: str = "ACTIVE"
    gone: Counter[Key] = field(default_factory=Counter)
    """Units that were fulfilled or cancelled."""

    @property
    def open(self) -> Taken:
        """Sold units that were neither shipped nor returned."""
        return {key: units - self.gone[key] for key, units in self.taken.items() if units > self.gone[key]}


class Model:
    """Levels, reservations, and the events that must have been emitted."""

    def __init__(self, locations: Sequence[str]) -> None:
        self._locations = tuple(locations)
        self.levels: dict[Key, Level] = {}
        self.held: dict[str, Held] = {}
        self.events: Counter[tuple[str, str]] = Counter()

    def level(self, key: Key) -> Level:
        """The level, created if there is none."""
        return self.levels.setdefault(key, Level())

    def allocate(self, basket: Sequence[Line]) -> Taken | None:
        """The units that a basket takes, line by line; None if it does not fit."""
        left = {key: level.takeable for key, level in self.levels.items()}
        taken: Counter[Key] = Counter()
        for line in merged(basket):
            keys = [f"{line.sku}@{location}" for location in line.locations or self._locations]
            parts = _parts(line, [key for key in keys if key in left], left)
            if parts is None:
                return None
            for key, units in parts.items():
                left[key] -= units
                taken[key] += units
        return dict(taken)

    def fits(self, basket: Sequence[Line], taken: Taken) -> bool:
        """Whether a basket may have been taken like this, from any location: enough of each sku, and no level overdrawn."""
        wanted, got = Counter[str](), Counter[str]()
        for line in basket:
            wanted[line.sku] += line.quantity
        for key, units in taken.items():
            got[key.split("@")[0]] += units
        return wanted == got and all(self.levels[key].takeable >= units for key, units in taken.items())

    def reserve(self, id: str, basket: tuple[Line, ...], taken: Taken) -> None:
        """Adds a reservation."""
        self.held[id] = Held(basket, taken)
        for key, units in taken.items():
            self.levels[key].reserved += units
        self.events["created", id] += 1

    def end(self, id: str, state: str) -> None:
        """An active reservation becomes COMMITTED, RELEASED or EXPIRED."""
        held = self.held[id]
        held.state = state
        for key, units in held.taken.items():
            self.levels[key].reserved -= units
            self.levels[key].committed += units if state == "COMMITTED" else 0
        self.events[state.lower(), id] += 1

    def abort(self, id: str, basket: tuple[Line, ...]) -> None:
        """Marks an id as ended before a reservation existed under it."""
        self.held[id] = Held(basket, {}, "ABORTED")
        self.events["aborted", id] += 1

    def cancel(self, id: str) -> None:
        """Returns the open units of a sale."""
        held = self.held[id]
        if held.open:
            self.events["cancelled", id] += 1
        for key, units in held.open.items():
            self.levels[key].committed -= units
            held.gone[key] += units

    def fulfill(self, id: str) -> bool:
        """Ships the open units of a sale; False, without any effect, if they are not there."""
        held = self.held[id]
        still_open = held.open
        if any(self.levels[key].on_hand < units for key, units in still_open.items()):
            return False
        for key, units in still_open.items():
            self.levels[key].leave(units)
            self.levels[key].committed -= units
            held.gone[key] += units
        self.events["fulfilled", id] += 1
        return True


def merged(basket: Sequence[Line]) -> list[Line]:
    """Merges lines with the same sku and locations."""
    sums: dict[tuple[str, tuple[str, ...], bool], int] = {}
    for line in basket:
        same = (line.sku, line.locations, line.split)
        sums[same] = sums.get(same, 0) + line.quantity
    return [Line(sku, quantity, locations, split) for (sku, locations, split), quantity in sums.items()]


def _parts(line: Line, keys: Sequence[Key], left: dict[Key, int]) -> Taken | None:
    for key in keys:
        if left[key] >= line.quantity:
            return {key: line.quantity}
    if not line.split or sum(max(left[key], 0) for key in keys) < line.quantity:
        return None
    parts, wanted = {}, line.quantity
    for key in keys:
        part = min(wanted, max(left[key], 0))
        if part:
            parts[key], wanted = part, wanted - part
    return parts
