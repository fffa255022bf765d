"""One example of the state machine: its servers, the checks after every step, and the translation of answers."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from chassis import redis
from chassis.db import Database
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1 import stock_service_pb2 as stock_pb
from tests.chassis.gate.auditing import Watch
from tests.property.books import Books
from tests.property.model import Line, Model, Taken
from tests.property.shop import LOCATIONS, Shop, Stores, opened, reason_of

T = TypeVar("T")
SKUS = ("A", "B")
KEYS = st.tuples(st.sampled_from(SKUS), st.sampled_from(LOCATIONS))
LINES = st.builds(
    Line,
    st.sampled_from(SKUS),
    st.integers(1, 4),
    st.sampled_from([(), (), ("berlin",), ("lyon", "berlin")]),
    st.booleans(),
)
BASKETS = st.lists(LINES, min_size=1, max_size=3).map(tuple)
OWNER = "order:mine"
WHICH = st.integers(0, 99)
"""Selects among existing items."""
_examples = itertools.count(1)


class Runner:
    """The event loop and the servers that all examples share."""

    def __init__(self, database_url: str, gate_url: str) -> None:
        self._loop = asyncio.Runner()
        self.stores = self.run(self._open(database_url, gate_url))
        self.seen: Counter[str] = Counter()
        """Number of times that each answer was given."""

    async def _open(self, database_url: str, gate_url: str) -> Stores:
        db = Database(database_url, size=4)
        await db.open()
        return Stores(db, redis.connect(gate_url))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it to the end."""
        return self._loop.run(work)

    def close(self) -> None:
        """Closes the connections."""
        self.run(self._close())
        self._loop.close()

    async def _close(self) -> None:
        await self.stores.client.aclose()
        await self.stores.db.close()


class Example(RuleBasedStateMachine):
    """One example: two skus, two locations, one process at a time."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self.runner = runner
        self.watch = Watch()
        self.prefix = f"e{next(_examples)}-"
        self.numbers = itertools.count(1)
        self.model = Model(LOCATIONS)
        self.behind = False
        """Whether the gate may lag behind the journal: then it may refuse requests that the model accepts."""
        self.orphans: dict[str, tuple[Line, ...]] = {}
        """Ids that the gate may know but the journal does not."""
        self.last_change: stock_pb.ReceiveStockRequest | None = None
        self.books = Books(self.model, [self.prefix + sku for sku in SKUS], self.prefix)
        self.shop = Shop(runner.stores, self.watch)
        runner.run(opened(runner.stores, [self.prefix + sku for sku in SKUS]))
        runner.run(self.shop.start())

    def swept(self) -> None:
        """Runs all background loops once, and updates the model."""
        self.runner.run(self.shop.sweep())
        for id, basket in self.orphans.items():
            if self.runner.run(self.shop.partition.journal.read([id])):
                self.model.abort(id, basket)
        self.orphans.clear()
        self.behind = False

    @invariant()
    def the_books_are_right(self) -> None:
        self.runner.run(self.books.check(self.shop))

    def teardown(self) -> None:
        try:
            self.swept()
            self.runner.run(self.books.check(self.shop))
            self.runner.run(self.books.in_step(self.shop))
        finally:
            for id in self._active():
                self._call(*self._settling(id, "RELEASED"))
            self.runner.run(self.shop.close())

    # Translation of answers.

    def _reserved(self, id: str, basket: tuple[Line, ...]) -> None:
        """A claim under an id that the journal does not know yet."""
        expected = self.model.allocate(basket)
        answer, reason = self._call(self.shop.reservations.ReserveStock, wish(id, basket))
        if answer is None:
            assert self._is_short(basket, reason)
            return
        taken = taken_of(answer.reservation)
        assert self.model.fits(basket, taken)
        assert self.behind or taken == expected
        self.model.reserve(id, basket, taken)
        self.orphans.pop(id, None)

    def _is_short(self, basket: tuple[Line, ...], reason: str) -> bool:
        return reason == "INSUFFICIENT_STOCK" and (self.behind or self.model.allocate(basket) is None)

    def _settled(self, id: str, to: str) -> None:
        if to == "EXTENDED":
            self.model.events["extended", id] += 1
        else:
            self.model.end(id, to)

    def _settling(self, id: str, to: str, owner: str = OWNER) -> tuple[Callable[..., Any], Any]:
        servicer = self.shop.reservations
        if to == "COMMITTED":
            return servicer.CommitReservation, pb.CommitReservationRequest(reservation_id=id, owner=owner)
        if to == "RELEASED":
            return servicer.ReleaseReservation, pb.ReleaseReservationRequest(reservation_id=id, owner=owner)
        return servicer.ExtendReservation, pb.ExtendReservationRequest(reservation_id=id, ttl_seconds=900, owner=owner)

    def _receipt(self, key: tuple[str, str], quantity: int, lot: str) -> stock_pb.ReceiveStockRequest:
        sku, location = self.prefix + key[0], key[1]
        return stock_pb.ReceiveStockRequest(
            request_id=self._new_id(), sku=sku, location=location, quantity=quantity, lot=lot
        )

    def _call(self, method: Callable[..., Any], request: Any) -> tuple[Any, str]:
        answer, reason = self.runner.run(reason_of(method(request, None)))
        replayed = " again" if answer is not None and getattr(answer, "replayed", False) else ""
        self.runner.seen[f"{method.__name__}{replayed} {reason}".strip()] += 1
        return answer, reason

    def _own(self, basket: tuple[Line, ...]) -> tuple[Line, ...]:
        return tuple(Line(self.prefix + one.sku, one.quantity, one.locations, one.split) for one in basket)

    def _new_id(self) -> str:
        return f"{self.prefix}{next(self.numbers)}"

    def _among(self, names: list[str], which: int) -> str:
        return names[which % len(names)]

    def _active(self) -> list[str]:
        return sorted(id for id, held in self.model.held.items() if held.state == "ACTIVE")

    def _sold(self) -> list[str]:
        return sorted(id for id, held in self.model.held.items() if held.state == "COMMITTED")


async def quiet(work: Coroutine[Any, Any, Any]) -> None:
    """Ignores a refusal: it is an answer, but no caller waits for it."""
    await reason_of(work)


def wish(id: str, basket: tuple[Line, ...]) -> pb.ReserveStockRequest:
    lines = [
        pb.ReserveLine(sku=one.sku, quantity=one.quantity, locations=one.locations, allow_split=one.split)
        for one in basket
    ]
    return pb.ReserveStockRequest(request_id=id, lines=lines, ttl_seconds=900, owner=OWNER)


def taken_of(reservation: Any) -> Taken:
    return {f"{line.sku}@{line.location}": line.quantity for line in reservation.lines}
