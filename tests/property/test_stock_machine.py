"""Whatever is asked of the inventory service, in whatever order, ended wherever: its books are the model's."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
import structlog
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chassis import redis
from chassis.db import Database
from chassis.gate.drift import LOOK_AGAIN_MS, STILL_MS
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1 import stock_service_pb2 as stock_pb
from tests import databases
from tests.chassis.gate.auditing import Watch
from tests.property.books import Books
from tests.property.model import Line, Model, Taken
from tests.property.profile import chosen
from tests.property.shop import LOCATIONS, Shop, Stores, opened, reason_of

T = TypeVar("T")
GATE_DATABASE = 9
"""A Redis database of its own: it is flushed again and again."""
ENDED = {"RELEASED": "RESERVATION_RELEASED", "EXPIRED": "RESERVATION_EXPIRED", "ABORTED": "RESERVATION_ABORTED"}
LAPSE = (
    "UPDATE reservations SET expires_at = now() - interval '1 minute' WHERE id = %s AND state = 'ACTIVE' RETURNING 1"
)
SKUS = ("A", "B")
LINES = st.builds(
    Line,
    st.sampled_from(SKUS),
    st.integers(1, 4),
    st.sampled_from([(), (), ("berlin",), ("lyon", "berlin")]),
    st.booleans(),
)
BASKETS = st.lists(LINES, min_size=1, max_size=3).map(tuple)
KEYS = st.tuples(st.sampled_from(SKUS), st.sampled_from(LOCATIONS))
LOTS = st.sampled_from(["", "L1"])
KINDS = ("reserving", "reserving", "settling", "receiving", "rebuilding")
WHICH = st.integers(0, 99)
"""Picks among what there is."""
ANSWERS = {
    "ReserveStock",
    "ReserveStock again",
    "ReserveStock INSUFFICIENT_STOCK",
    "ReserveStock REQUEST_ID_REUSED",
    "ReserveStock RESERVATION_ABORTED",
    "CommitReservation",
    "CommitReservation again",
    "CommitReservation RESERVATION_NOT_FOUND",
    "ReleaseReservation",
    "ExtendReservation",
    "FulfillReservation",
    "CancelReservation",
    "AdjustStock",
    "SetStock",
    "ReceiveStock again",
}
_examples = itertools.count(1)


class Runner:
    """The event loop and the servers that all examples share."""

    def __init__(self, database_url: str, gate_url: str) -> None:
        self._loop = asyncio.Runner()
        self.stores = self.run(self._open(database_url, gate_url))
        self.seen: Counter[str] = Counter()
        """How often each answer was given."""

    async def _open(self, database_url: str, gate_url: str) -> Stores:
        db = Database(database_url, size=4)
        await db.open()
        return Stores(db, redis.connect(gate_url))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it to its end."""
        return self._loop.run(work)

    def close(self) -> None:
        """Lets go of the servers."""
        self.run(self._close())
        self._loop.close()

    async def _close(self) -> None:
        await self.stores.client.aclose()
        await self.stores.db.close()


class StockMachine(RuleBasedStateMachine):
    """One example: two skus, two locations, one process at a time."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self.runner = runner
        self.watch = Watch()
        self.prefix = f"e{next(_examples)}-"
        self.numbers = itertools.count(1)
        self.model = Model(LOCATIONS)
        self.behind = False
        """Whether the gate may know less than the journal: what it refuses then need not be what the model refuses."""
        self.orphans: dict[str, tuple[Line, ...]] = {}
        """Ids that the gate may know and the journal does not."""
        self.last_change: stock_pb.ReceiveStockRequest | None = None
        self.books = Books(self.model, [self.prefix + sku for sku in SKUS], self.prefix)
        self.shop = Shop(runner.stores, self.watch)
        runner.run(opened(runner.stores, [self.prefix + sku for sku in SKUS]))
        runner.run(self.shop.start())

    @initialize(on_hand=st.lists(st.integers(0, 20), min_size=4, max_size=4))
    def open(self, on_hand: list[int]) -> None:
        for key, quantity in zip(itertools.product(SKUS, LOCATIONS), on_hand, strict=True):
            if quantity:
                self._receive(key, quantity, "")

    # What buyers ask.

    @rule(line=LINES)
    def reserve_one_line(self, line: Line) -> None:
        self._reserved(self._new_id(), self._own((line,)))

    @rule(basket=BASKETS)
    def reserve_a_basket(self, basket: tuple[Line, ...]) -> None:
        self._reserved(self._new_id(), self._own(basket))

    @precondition(lambda self: self.model.held or self.orphans)
    @rule(which=WHICH)
    def repeat(self, which: int) -> None:
        baskets = {id: held.basket for id, held in self.model.held.items()} | self.orphans
        id = self._among(sorted(baskets), which)
        if id not in self.model.held:
            self._reserved(id, baskets[id])
            return
        held = self.model.held[id]
        answer, reason = self._call(self.shop.reservations.ReserveStock, _wish(id, held.basket))
        if held.state in ("ACTIVE", "COMMITTED") and answer is not None:
            assert answer.replayed
            assert _taken(answer.reservation) == held.taken
        else:  # what has ended is forgotten by the gate, which may have nothing to take again
            assert reason == ENDED.get(held.state) or (held.state != "ACTIVE" and self._is_short(held.basket, reason))

    @precondition(lambda self: self.model.held)
    @rule(which=WHICH)
    def repeat_with_another_body(self, which: int) -> None:
        id = self._among(sorted(self.model.held), which)
        held = self.model.held[id]
        basket = (*held.basket, Line(self.prefix + "A", 1))
        _, reason = self._call(self.shop.reservations.ReserveStock, _wish(id, basket))
        if held.state == "ABORTED" and reason == "RESERVATION_ABORTED":
            return
        assert reason == "REQUEST_ID_REUSED" or (held.state != "ACTIVE" and self._is_short(basket, reason))

    @precondition(lambda self: self._active())
    @rule(which=WHICH)
    def commit(self, which: int) -> None:
        self._settle(self._among(self._active(), which), "COMMITTED")

    @precondition(lambda self: self._active())
    @rule(which=WHICH)
    def extend(self, which: int) -> None:
        self._settle(self._among(self._active(), which), "EXTENDED")

    @precondition(lambda self: self.model.held)
    @rule(which=WHICH, to=st.sampled_from(["COMMITTED", "RELEASED", "EXTENDED"]))
    def settle(self, which: int, to: str) -> None:
        self._settle(self._among(sorted(self.model.held), which), to)

    def _settle(self, id: str, to: str) -> None:
        state = self.model.held[id].state
        _, reason = self._call(*self._settling(id, to))
        if state == "ACTIVE":
            assert reason == ""
            self._settled(id, to)
        elif state == to or (to == "RELEASED" and state in ("ABORTED", "EXPIRED")):
            assert reason == ""
        else:
            assert reason == {**ENDED, "COMMITTED": "RESERVATION_COMMITTED"}[state]

    @rule(to=st.sampled_from(["COMMITTED", "RELEASED"]))
    def settle_what_never_came(self, to: str) -> None:
        id = next(iter(self.orphans), None) or self._new_id()
        _, reason = self._call(*self._settling(id, to))
        assert reason == ("" if to == "RELEASED" else "RESERVATION_NOT_FOUND")
        if to == "RELEASED":
            self.model.abort(id, self.orphans.pop(id, (Line(self.prefix + "A", 1),)))

    @precondition(lambda self: self._active())
    @rule(which=WHICH)
    def expire(self, which: int) -> None:
        id = self._among(self._active(), which)
        self.runner.run(self.runner.stores.rows(LAPSE, id))
        self.runner.run(self.shop.partition.sweeper.expire_once())
        self.model.end(id, "EXPIRED")

    @precondition(lambda self: self._sold())
    @rule(which=WHICH)
    def fulfill(self, which: int) -> None:
        id = self._among(self._sold(), which)
        request = pb.FulfillReservationRequest(request_id=self._new_id(), reservation_id=id)
        still_open = bool(self.model.held[id].open)
        _, reason = self._call(self.shop.reservations.FulfillReservation, request)
        if not still_open:
            assert reason == "QUANTITY_NOT_OPEN"
        else:
            assert reason == ("" if self.model.fulfill(id) else "NO_FIT_LOT")

    @precondition(lambda self: self._sold())
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        id = self._among(self._sold(), which)
        request = pb.CancelReservationRequest(request_id=self._new_id(), reservation_id=id)
        _, reason = self._call(self.shop.reservations.CancelReservation, request)
        assert reason == ("" if self.model.held[id].open else "QUANTITY_NOT_OPEN")
        self.model.cancel(id)

    # What people do by hand.

    @rule(key=KEYS, quantity=st.integers(1, 6), lot=LOTS)
    def receive(self, key: tuple[str, str], quantity: int, lot: str) -> None:
        self._receive(key, quantity, lot)

    def _receive(self, key: tuple[str, str], quantity: int, lot: str) -> None:
        request = self._receipt(key, quantity, lot)
        _, reason = self._call(self.shop.stock.ReceiveStock, request)
        assert reason == ""
        self.model.level(f"{request.sku}@{request.location}").lots[lot] += quantity
        self.last_change = request

    @precondition(lambda self: self.last_change)
    @rule(other=st.booleans())
    def repeat_a_receipt(self, other: bool) -> None:
        assert self.last_change is not None
        request = stock_pb.ReceiveStockRequest()
        request.CopyFrom(self.last_change)
        request.quantity += other
        answer, reason = self._call(self.shop.stock.ReceiveStock, request)
        assert reason == ("REQUEST_ID_REUSED" if other else "")
        assert other or answer.replayed

    @rule(key=KEYS, delta=st.integers(-5, 3).filter(bool), lot=LOTS)
    def adjust(self, key: tuple[str, str], delta: int, lot: str) -> None:
        sku, location = self.prefix + key[0], key[1]
        level = self.model.levels.get(f"{sku}@{location}")
        request = stock_pb.AdjustStockRequest(
            request_id=self._new_id(), sku=sku, location=location, delta=delta, lot=lot, reason="counted"
        )
        _, reason = self._call(self.shop.stock.AdjustStock, request)
        lots = level.lots if level else {}
        somewhere = any(lot in each.lots for name, each in self.model.levels.items() if name.startswith(f"{sku}@"))
        if lot and lot not in lots and (delta < 0 or not somewhere):
            assert reason == "LOT_NOT_FOUND"
        elif lots.get(lot, 0) + delta < 0:
            assert reason == "ON_HAND_NEGATIVE"
        else:
            assert reason == ""
            self.model.level(f"{sku}@{location}").lots[lot] += delta

    @rule(key=KEYS, on_hand=st.integers(0, 6), backorder_limit=st.integers(0, 2))
    def count(self, key: tuple[str, str], on_hand: int, backorder_limit: int) -> None:
        sku, location = self.prefix + key[0], key[1]
        level = self.model.level(f"{sku}@{location}")
        request = stock_pb.SetStockRequest(
            request_id=self._new_id(), sku=sku, location=location, on_hand=on_hand, backorder_limit=backorder_limit
        )
        _, reason = self._call(self.shop.stock.SetStock, request)
        assert reason == ""
        level.backorder_limit = backorder_limit
        if on_hand > level.on_hand:
            level.lots[""] += on_hand - level.on_hand
        else:
            level.leave(level.on_hand - on_hand)

    # What becomes of servers and processes.

    @rule()
    def rebuild(self) -> None:
        epochs = self.shop.partition.epochs
        self.runner.run(epochs.ensure(epochs.current, force=True))

    @rule(whole=st.booleans())
    def flush(self, whole: bool) -> None:
        client = self.runner.stores.client
        self.runner.run(client.flushdb() if whole else client.script_flush())  # type: ignore[arg-type]
        self.behind = True

    @rule(kind=st.sampled_from(KINDS), basket=BASKETS, which=WHICH, key=KEYS, journalled=st.booleans())
    def crash(self, kind: str, basket: tuple[Line, ...], which: int, key: tuple[str, str], journalled: bool) -> None:
        """The process ends in the midst of something, just before or just after the journal knows of it."""
        match kind:
            case "reserving":
                self._crash_reserving(self._own(basket), journalled)
            case "settling" if self._active():
                to = "COMMITTED" if which % 2 else "RELEASED"
                self._crash_settling(self._among(self._active(), which), to, journalled)
            case "receiving":
                self._crash_receiving(self._receipt(key, 1 + which % 6, ""))
            case _:
                step = ("announce", "load_counters", "publish")[which % 3]
                epochs = self.shop.partition.epochs
                work = epochs.ensure(epochs.current, force=True)
                self._crash(self.shop.dies_in(self.shop.partition.gate, step, _quiet(work)))

    def _crash_reserving(self, basket: tuple[Line, ...], journalled: bool) -> None:
        id = self._new_id()
        work = self.shop.reservations.ReserveStock(_wish(id, basket), None)  # type: ignore[arg-type]
        self._crash(self.shop.dies_in(self.shop.partition.journal, "reserve", _quiet(work), after=journalled))
        found = self.runner.run(self.shop.partition.journal.read([id])).get(id)
        if found is None:
            self.orphans[id] = basket
            return
        assert journalled
        assert self.model.fits(basket, dict(found.taken))
        self.model.reserve(id, basket, dict(found.taken))

    def _crash_settling(self, id: str, to: str, journalled: bool) -> None:
        method, request = self._settling(id, to)
        owner = self.shop.partition.gate if journalled else self.shop.partition.journal
        self._crash(self.shop.dies_in(owner, "settle", _quiet(method(request, None))))
        if journalled:
            self._settled(id, to)

    def _crash_receiving(self, request: stock_pb.ReceiveStockRequest) -> None:
        work = self.shop.stock.ReceiveStock(request, None)  # type: ignore[arg-type]
        self._crash(self.shop.dies_in(self.shop.partition.gate, "adjust", _quiet(work)))
        self.model.level(f"{request.sku}@{request.location}").lots[""] += request.quantity

    @rule()
    def sweep(self) -> None:
        self.runner.run(self.shop.sweep())
        for id, basket in self.orphans.items():
            if self.runner.run(self.shop.partition.journal.read([id])):
                self.model.abort(id, basket)
        self.orphans.clear()
        self.behind = False

    @rule()
    def audit(self) -> None:
        """Looks for what is wrong, and finds nothing: what crashes left is no drift, or is not there long enough."""
        self.watch.passed_ms += LOOK_AGAIN_MS
        self.runner.run(self.shop.auditor.run_once())

    @rule(which=WHICH, units=st.integers(-3, 3).filter(bool))
    def drift(self, which: int, units: int) -> None:
        """The gate's number changes by itself: the audit brings it back."""
        self.sweep()
        if not self.model.levels:
            return
        key = self._among(sorted(self.model.levels), which)
        available = self.shop.partition.gate._keys.available(self.shop.partition.epochs.current)
        self.runner.run(self.runner.stores.client.hincrby(available, key, units))  # type: ignore[arg-type]
        before = self.shop.partition.epochs.current
        for _ in range(60):
            self.watch.passed_ms += LOOK_AGAIN_MS // 4
            self.runner.run(self.shop.auditor.run_once())
            self.watch.passed_ms += STILL_MS
            self.runner.run(self.shop.auditor.run_once())
            if self.shop.partition.epochs.current != before:
                break
        self.runner.run(self.books.in_step(self.shop))

    # What must hold.

    @invariant()
    def the_books_are_right(self) -> None:
        self.runner.run(self.books.check(self.shop))

    def teardown(self) -> None:
        try:
            self.sweep()
            self.runner.run(self.books.check(self.shop))
            self.runner.run(self.books.in_step(self.shop))
        finally:
            for id in self._active():
                self._call(*self._settling(id, "RELEASED"))
            self.runner.run(self.shop.close())

    # How it is said.

    def _reserved(self, id: str, basket: tuple[Line, ...]) -> None:
        """A claim under an id that the journal does not know yet."""
        expected = self.model.allocate(basket)
        answer, reason = self._call(self.shop.reservations.ReserveStock, _wish(id, basket))
        if answer is None:
            assert self._is_short(basket, reason)
            return
        taken = _taken(answer.reservation)
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

    def _settling(self, id: str, to: str) -> tuple[Callable[..., Any], Any]:
        servicer = self.shop.reservations
        if to == "COMMITTED":
            return servicer.CommitReservation, pb.CommitReservationRequest(reservation_id=id)
        if to == "RELEASED":
            return servicer.ReleaseReservation, pb.ReleaseReservationRequest(reservation_id=id)
        return servicer.ExtendReservation, pb.ExtendReservationRequest(reservation_id=id, ttl_seconds=900)

    def _receipt(self, key: tuple[str, str], quantity: int, lot: str) -> stock_pb.ReceiveStockRequest:
        sku, location = self.prefix + key[0], key[1]
        return stock_pb.ReceiveStockRequest(
            request_id=self._new_id(), sku=sku, location=location, quantity=quantity, lot=lot
        )

    def _crash(self, death: Coroutine[Any, Any, None]) -> None:
        """The process ends there, the next one starts on the same servers."""
        self.runner.run(death)
        self.shop = Shop(self.runner.stores, self.watch)
        self.runner.run(self.shop.start())
        self.behind = True

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


async def _quiet(work: Coroutine[Any, Any, Any]) -> None:
    """A refusal is an answer too, which nobody is there to hear."""
    await reason_of(work)


def _wish(id: str, basket: tuple[Line, ...]) -> pb.ReserveStockRequest:
    lines = [
        pb.ReserveLine(sku=one.sku, quantity=one.quantity, locations=one.locations, allow_split=one.split)
        for one in basket
    ]
    return pb.ReserveStockRequest(request_id=id, lines=lines, ttl_seconds=900)


def _taken(reservation: Any) -> Taken:
    return {f"{line.sku}@{line.location}": line.quantity for line in reservation.lines}


@pytest.fixture
def runner(new_database: Callable[[str], str], valkey_url: str) -> Iterator[Runner]:
    """A fresh database and an empty gate for all examples; each has skus and ids of its own."""
    loud = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    made = Runner(new_database("inventory"), databases.emptied(valkey_url, GATE_DATABASE))
    yield made
    made.close()
    structlog.configure(**loud)


def test_whatever_is_asked_in_whatever_order_the_books_are_the_models(runner: Runner) -> None:
    run_state_machine_as_test(lambda: StockMachine(runner), settings=chosen())  # type: ignore[arg-type]
    assert set(runner.seen) >= ANSWERS, "an answer that was never given is one that nothing was said about"
