"""Events of stock levels, as promotions need them."""

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
        """Raises whatever is wrong with an event: it is parked, and with it what follows of its sku."""
        await self._stock.take_in(tx, [fact(self._types.message(event)) for event in events])


def fact(message: events_pb2.StockLevelChanged) -> LevelFact:
    """What it says. ValueError for what no level of ours is."""
    level = message.level
    if not level.sku or not level.location or level.version < 1:
        raise ValueError(f"no version of a level: {level.sku}@{level.location} {level.version}")
    return LevelFact(level.sku, level.location, level.available, level.version)
