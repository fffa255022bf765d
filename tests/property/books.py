"""The invariants of the protocol, read from the real stores and compared with the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

from tests.property.model import Model
from tests.property.shop import Shop

LEVELS = """
SELECT key, on_hand, reserved, committed, unavailable, backorder_limit, version FROM stock_levels WHERE sku = ANY (%s)"""
SUMS = """
SELECT m.key, sum(on_hand_delta)::bigint, sum(reserved_delta)::bigint, sum(committed_delta)::bigint,
       sum(unavailable_delta)::bigint, sum(backorder_limit_delta)::bigint
  FROM stock_movements m JOIN stock_levels USING (key) WHERE sku = ANY (%s) GROUP BY m.key"""
LOTS = "SELECT key, lot, on_hand FROM lot_levels WHERE sku = ANY (%s) AND on_hand > 0"
STATES = "SELECT id, state FROM reservations WHERE id LIKE %s"
TAKES = """
SELECT reference, key, sum(reserved_delta)::bigint, sum(committed_delta)::bigint FROM stock_movements
 WHERE reference LIKE %s AND kind IN ('RESERVE', 'COMMIT', 'RELEASE', 'EXPIRE') GROUP BY reference, key"""
EVENTS = """
SELECT split_part(type, '.', 3), key, count(*) FROM outbox WHERE type LIKE 'inventory.reservation.%%' AND key LIKE %s
 GROUP BY type, key"""
CHANGES = """
SELECT payload #>> '{level,sku}', payload #>> '{level,location}', count(*) FROM outbox
 WHERE type = 'inventory.stock_level.changed' AND key = ANY (%s) GROUP BY 1, 2"""
PENDING = "SELECT key, epoch, sum(least(delta, 0))::bigint FROM gate_adjustments GROUP BY key, epoch"
Rows: TypeAlias = list[tuple[Any, ...]]


class Books:
    """The rows of one example's skus and reservations in the stores; their ids begin with `prefix`."""

    def __init__(self, model: Model, skus: Sequence[str], prefix: str) -> None:
        self._model = model
        self._skus = list(skus)
        self._ids = f"{prefix}%"

    async def check(self, shop: Shop) -> None:
        """Checks I1, I2, I3, I5 and I7, and that every number equals the model's."""
        by_sku, by_id = (self._skus,), (self._ids,)
        asked: tuple[tuple[Any, tuple[Any, ...]], ...] = (
            (LEVELS, by_sku),
            (SUMS, by_sku),
            (LOTS, by_sku),
            (CHANGES, by_sku),
        )
        asked += ((STATES, by_id), (TAKES, by_id), (EVENTS, by_id), (PENDING, ()))
        async with shop.stores.db.connection() as connection:
            async with connection.pipeline():
                cursors = [await connection.execute(statement, values) for statement, values in asked]
            levels, sums, lots, changes, states, takes, events, pending = [await one.fetchall() for one in cursors]
        self._check_levels(levels, sums, lots, changes)
        self._check_reservations(states, takes, events)
        await self._check_gate(shop, pending)

    async def in_step(self, shop: Shop) -> None:
        """Checks I6: no work is in flight, so the gate has exactly the journal's numbers."""
        keys = sorted(self._model.levels)
        found = await shop.partition.gate.counters(shop.partition.epochs.current, keys) if keys else []
        expected = [self._model.levels[key].takeable for key in keys]
        assert [units or 0 for units in found] == expected, f"I6: {dict(zip(keys, found, strict=True))}"

    def _check_levels(self, levels: Rows, sums: Rows, lots: Rows, changes: Rows) -> None:
        rows = {row[0]: row[1:] for row in levels}
        expected = {
            key: (level.on_hand, level.reserved, level.committed, 0, level.backorder_limit)
            for key, level in self._model.levels.items()
        }
        assert {key: row[:5] for key, row in rows.items()} == expected, "I1: levels differ from the model"
        assert all(number >= 0 for row in rows.values() for number in row), "I1: below zero"
        assert {row[0]: row[1:] for row in sums} == expected, "I2: levels are not the sums of their movements"
        assert {(key, lot): units for key, lot, units in lots} == {
            (key, lot): units for key, level in self._model.levels.items() for lot, units in level.lots.items() if units
        }
        told = {f"{sku}@{location}": times for sku, location, times in changes}
        assert told == {key: row[5] for key, row in rows.items()}, "I7: one event per version of a level"

    def _check_reservations(self, states: Rows, takes: Rows, events: Rows) -> None:
        assert dict(states) == {id: held.state for id, held in self._model.held.items()}
        assert {(id, key): (reserved, committed) for id, key, reserved, committed in takes} == {
            (id, key): (units if held.state == "ACTIVE" else 0, units if held.state == "COMMITTED" else 0)
            for id, held in self._model.held.items()
            for key, units in held.taken.items()
        }, "I3: a reservation takes once and gives once"
        told = Counter({(kind, id): times for kind, id, times in events})
        assert told == self._model.events, "I7: one event per change of state"

    async def _check_gate(self, shop: Shop, pending: Rows) -> None:
        """Checks nothing if it does not serve; decreases that have not reached it are allowed for."""
        epoch = (await shop.partition.epochs._rebuilds.serving()).epoch
        if not await shop.partition.gate.serves(epoch):
            return
        unheard = {key: units for key, of_epoch, units in pending if of_epoch == epoch}
        keys = sorted(self._model.levels)
        for key, found in zip(keys, await shop.partition.gate.counters(epoch, keys) if keys else [], strict=True):
            most = self._model.levels[key].takeable - unheard.get(key, 0)
            assert (found or 0) <= max(most, 0) or found == most, (
                f"I5: the gate has {found} of {key}, the journal {most}"
            )
