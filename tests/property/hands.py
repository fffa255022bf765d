"""Manual changes: receive, adjust, count."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from gen.inventory.v1 import stock_service_pb2 as stock_pb
from tests.property.example import KEYS, SKUS, Example
from tests.property.shop import LOCATIONS

LOTS = st.sampled_from(["", "L1"])


class Hands(Example):
    """Rules for warehouses."""

    @initialize(on_hand=st.lists(st.integers(0, 20), min_size=4, max_size=4))
    def open(self, on_hand: list[int]) -> None:
        for key, quantity in zip(itertools.product(SKUS, LOCATIONS), on_hand, strict=True):
            if quantity:
                self._receive(key, quantity, "")

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
            in_lots = any(units for name, units in lots.items() if name)
            assert reason == ("LOT_REQUIRED" if in_lots and not lot else "ON_HAND_NEGATIVE")
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
