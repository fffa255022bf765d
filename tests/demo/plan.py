"""Decides, from a seed, each buyer's basket and behaviour. Pure: the same seed and catalogue give the same plan."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

from tests.demo.catalogue import Catalogue

LAUNCH, WELCOME = "launch", "welcome"
"""Codes of the run that buyers use: one with a total limit, one with a limit per customer."""

MOST_LINES = 5
WELCOME_CUSTOMERS = 30
"""Few enough that some of them use the code twice."""
ABANDONED_SHARE = 0.05
ABANDONED_TTL_S = (1, 6)


class Repeat(Enum):
    """Whether and when the same request is sent a second time, under the same key."""

    NO = "no"
    AT_ONCE = "at once"
    LATER = "later"


class Bank(Enum):
    """The bank's report for a payment that waits for 3-D Secure."""

    CONFIRMS = "confirms"
    REFUSES = "refuses"
    SILENT = "silent"


class After(Enum):
    """The buyer's action after an order was accepted."""

    NOTHING = "nothing"
    CANCEL = "cancel"
    FULFILL = "fulfill"


@dataclass(frozen=True, slots=True)
class Visit:
    """One buyer's order; `name` is unique in the run and is used for the idempotency key."""

    name: str
    lines: tuple[tuple[str, int], ...]
    customer: str
    token: str = "tok_ok"
    location: str = ""
    code: str = ""
    repeat: Repeat = Repeat.NO
    bank: Bank = Bank.SILENT
    after: After = After.NOTHING

    @property
    def channel(self) -> str:
        return "pos" if self.location else "web"


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A basket that was reserved at checkout and abandoned there."""

    name: str
    lines: tuple[tuple[str, int], ...]
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run sends."""

    visits: tuple[Visit, ...]
    rush: tuple[Visit, ...]
    abandoned: tuple[Abandoned, ...]


def make(catalogue: Catalogue, orders: int, buyers: int, seed: int) -> Plan:
    """`orders` mixed baskets, `buyers` of one flash unit each, and some abandoned checkouts."""
    chance = random.Random(seed)
    shelf = _Shelf(catalogue, chance)
    visits = tuple(_visit(number, shelf, chance) for number in range(orders))
    rush = tuple(_rush_visit(number, catalogue.flash.sku, chance) for number in range(buyers))
    abandoned = tuple(
        Abandoned(f"a{number:05}", shelf.basket(), chance.randint(*ABANDONED_TTL_S))
        for number in range(round(orders * ABANDONED_SHARE))
    )
    return Plan(visits, rush, abandoned)


class _Shelf:
    """Baskets of one to five skus; a few skus sell much more than the rest, as in every shop."""

    def __init__(self, catalogue: Catalogue, chance: random.Random) -> None:
        self._chance = chance
        self._skus = [product.sku for product in catalogue.products]
        chance.shuffle(self._skus)
        self._weights = [1.0 / (rank + 40) for rank in range(len(self._skus))]

    def basket(self) -> tuple[tuple[str, int], ...]:
        count = self._chance.choices(range(1, MOST_LINES + 1), (45, 27, 15, 8, 5))[0]
        wanted = dict.fromkeys(self._chance.choices(self._skus, self._weights, k=count))
        return tuple((sku, self._chance.choices((1, 2, 3), (78, 17, 5))[0]) for sku in wanted)


def _visit(number: int, shelf: _Shelf, chance: random.Random) -> Visit:
    token = chance.choices(("tok_ok", "tok_declined", "tok_timeout", "tok_3ds"), (85, 6, 3, 6))[0]
    code = chance.choices(("", LAUNCH, WELCOME), (93, 4, 3))[0]
    return Visit(
        name=f"o{number:05}",
        lines=shelf.basket(),
        customer=f"w{chance.randrange(WELCOME_CUSTOMERS):03}" if code == WELCOME else f"c{chance.randrange(20_000):05}",
        token=token,
        location=chance.choices(("", "paris"), (92, 8))[0],
        code=code,
        repeat=chance.choices(tuple(Repeat), (85, 10, 5))[0],
        bank=chance.choices(tuple(Bank), (50, 20, 30))[0],
        after=chance.choices(tuple(After), (84, 5, 11))[0],
    )


def _rush_visit(number: int, sku: str, chance: random.Random) -> Visit:
    repeat = chance.choices((Repeat.NO, Repeat.AT_ONCE), (90, 10))[0]
    return Visit(name=f"f{number:05}", lines=((sku, 1),), customer=f"f{number:05}", repeat=repeat)
