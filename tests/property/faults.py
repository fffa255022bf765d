"""Faults of servers and processes: rebuilds, flushes, crashes; and their repair: sweeps and the audit."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chassis.gate.drift import LOOK_AGAIN_MS, STILL_MS
from gen.inventory.v1 import stock_service_pb2 as stock_pb
from tests.property.example import BASKETS, KEYS, WHICH, Example, quiet, wish
from tests.property.model import Line
from tests.property.shop import Shop

KINDS = ("reserving", "reserving", "settling", "receiving", "rebuilding")
SUCCEED = "UPDATE audits SET updated_at = updated_at - interval '1 minute' RETURNING 1"


class Faults(Example):
    """Rules for faults."""

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
        """The process ends in the middle of its work, just before or just after the journal has it."""
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
                self._crash(self.shop.dies_in(self.shop.partition.gate, step, quiet(work)))

    def _crash_reserving(self, basket: tuple[Line, ...], journalled: bool) -> None:
        id = self._new_id()
        work = self.shop.reservations.ReserveStock(wish(id, basket), None)  # type: ignore[arg-type]
        self._crash(self.shop.dies_in(self.shop.partition.journal, "reserve", quiet(work), after=journalled))
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
        self._crash(self.shop.dies_in(owner, "settle", quiet(method(request, None))))
        if journalled:
            self._settled(id, to)

    def _crash_receiving(self, request: stock_pb.ReceiveStockRequest) -> None:
        work = self.shop.stock.ReceiveStock(request, None)  # type: ignore[arg-type]
        self._crash(self.shop.dies_in(self.shop.partition.gate, "adjust", quiet(work)))
        self.model.level(f"{request.sku}@{request.location}").lots[""] += request.quantity

    @rule()
    def audit(self) -> None:
        """Audits and finds nothing: leftovers of crashes are not drift, or do not last long enough."""
        self.watch.passed_ms += LOOK_AGAIN_MS
        self.runner.run(self.runner.stores.rows(SUCCEED))  # the leading process may have crashed
        self.runner.run(self.shop.auditor.run_once())

    @rule(which=WHICH, units=st.integers(-3, 3).filter(bool))
    def drift(self, which: int, units: int) -> None:
        """The gate's number changes without a cause: the audit restores it."""
        self.swept()
        if not self.model.levels:
            return
        key = self._among(sorted(self.model.levels), which)
        available = self.shop.partition.gate._keys.available(self.shop.partition.epochs.current)
        self.runner.run(self.runner.stores.client.hincrby(available, key, units))  # type: ignore[arg-type]
        before = self.shop.partition.epochs.current
        self.audit()
        for _ in range(60):
            self.watch.passed_ms += LOOK_AGAIN_MS // 4
            self.runner.run(self.shop.auditor.run_once())
            self.watch.passed_ms += STILL_MS
            self.runner.run(self.shop.auditor.run_once())
            if self.shop.partition.epochs.current != before:
                break
        self.runner.run(self.books.in_step(self.shop))

    @rule()
    def sweep(self) -> None:
        self.swept()

    def _crash(self, death: Coroutine[Any, Any, None]) -> None:
        """The process ends there; the next one starts on the same servers."""
        self.runner.run(death)
        self.shop = Shop(self.runner.stores, self.watch)
        self.runner.run(self.shop.start())
        self.behind = True
