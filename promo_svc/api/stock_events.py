"""Stock level events, converted for promotions."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.db import Tx
from chassis.events.event import Event
from chassis.events.event_types import EventTypes
from gen.inventory.v1 import events_pb2
from promo_svc.app.stock import Stock
from promo_svc.domain.stock import LevelFact

TYPES = ("inventory.stock_level.changed", "inventory.stock_level.shortfall")


class StockEvents:
    """The handler of consumer `stock`."""

    def __init__(self, types: EventTypes, stock: Stock) -> None:
        self._types = types
        self._stock = stock

    async def __call__(self, tx: Tx, events: Sequence[Event]) -> None:
        """Raises on an invalid event, which is then parked together with later events of its sku."""
        await self._stock.take_in(tx, [fact(self._types.message(event)) for event in events])


def fact(message: events_pb2.StockLevelChanged) -> LevelFact:
    """The level of the event. ValueError when the level is invalid."""
    level = message.level
    if not level.sku or not level.location or level.version < 1:
        raise ValueError(f"the level is invalid: {level.sku}@{level.location} version {level.version}")
    return LevelFact(level.sku, level.location, level.available, level.version)
