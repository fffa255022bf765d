"""The invariants of the protocol, read from the real stores and held against the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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
PENDING = "SELECT key, sum(least(delta, 0))::bigint FROM gate_adjustments WHERE epoch = %s GROUP BY key"


class Books:
    """What the stores say of one example's skus and reservations, whose ids begin with `prefix`."""

    def __init__(self, model: Model, skus: Sequence[str], prefix: str) -> None:
        self._model = model
        self._skus = list(skus)
        self._ids = f"{prefix}%"

    async def check(self, shop: Shop) -> None:
        """I1, I2, I3, I5 and I7; and that every number is the model's."""
        await self._levels(shop)
        await self._reservations(shop)
        await self._gate(shop)

    async def in_step(self, shop: Shop) -> None:
        """I6: nothing is under way, so the gate has exactly what the journal has."""
        keys = sorted(self._model.levels)
        found = await shop.partition.gate.counters(shop.partition.epochs.current, keys) if keys else []
        expected = [self._model.levels[key].takeable for key in keys]
        assert [units or 0 for units in found] == expected, f"I6: {dict(zip(keys, found, strict=True))}"

    async def _levels(self, shop: Shop) -> None:
        rows = {row[0]: row[1:] for row in await shop.stores.rows(LEVELS, self._skus)}
        expected = {
            key: (level.on_hand, level.reserved, level.committed, 0, level.backorder_limit)
            for key, level in self._model.levels.items()
        }
        assert {key: row[:5] for key, row in rows.items()} == expected, "I1: levels are not the model's"
        assert all(number >= 0 for row in rows.values() for number in row), "I1: below zero"
        sums = {row[0]: tuple(row[1:]) for row in await shop.stores.rows(SUMS, self._skus)}
        assert sums == {key: row[:5] for key, row in rows.items()}, "I2: levels are not the sums of their movements"
        lots = {(key, lot): units for key, lot, units in await shop.stores.rows(LOTS, self._skus)}
        assert lots == {
            (key, lot): units for key, level in self._model.levels.items() for lot, units in level.lots.items() if units
        }
        told = {f"{sku}@{location}": times for sku, location, times in await shop.stores.rows(CHANGES, self._skus)}
        assert told == {key: row[5] for key, row in rows.items()}, "I7: one event per version of a level"

    async def _reservations(self, shop: Shop) -> None:
        states = dict(await shop.stores.rows(STATES, self._ids))
        assert states == {id: held.state for id, held in self._model.held.items()}
        moved = {(id, key): (one, two) for id, key, one, two in await shop.stores.rows(TAKES, self._ids)}
        assert moved == {
            (id, key): (units if held.state == "ACTIVE" else 0, units if held.state == "COMMITTED" else 0)
            for id, held in self._model.held.items()
            for key, units in held.taken.items()
        }, "I3: a reservation takes once and gives once"
        told = Counter({(kind, id): times for kind, id, times in await shop.stores.rows(EVENTS, self._ids)})
        assert told == self._model.events, "I7: one event per change of state"

    async def _gate(self, shop: Shop) -> None:
        epoch = (await shop.partition.epochs._rebuilds.serving()).epoch
        if not await shop.partition.gate.serves(epoch):
            return
        unheard = {key: int(units) for key, units in await shop.stores.rows(PENDING, epoch)}
        keys = sorted(self._model.levels)
        for key, found in zip(keys, await shop.partition.gate.counters(epoch, keys) if keys else [], strict=True):
            most = self._model.levels[key].takeable - unheard.get(key, 0)
            assert (found or 0) <= max(most, 0) or found == most, (
                f"I5: the gate has {found} of {key}, the journal {most}"
            )
