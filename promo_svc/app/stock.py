"""Use case of stock: record levels from inventory, suspend or resume coupled promotions, send back-in-stock notices."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.db import Tx
from chassis.events import outbox
from promo_svc.domain.stock import Change, LevelFact, newest
from promo_svc.store import events, notices, promotions, stock


class Stock:
    """Follows levels; every effect is idempotent by level and version, every crossing is reported once."""

    async def take_in(self, tx: Tx, facts: Sequence[LevelFact]) -> None:
        """Records versions of levels, in whatever order they arrive, in one write."""
        changes = await stock.write(tx, newest(facts))
        if changes:
            await self._hold_back_or_set_free(tx, changes)
        back = {change.sku: change.after for change in changes if change.is_back}
        if back:
            await notices.announce(tx, back)

    async def _hold_back_or_set_free(self, tx: Tx, changes: Sequence[Change]) -> None:
        crossings = await stock.judge(tx, [change.sku for change in changes])
        if not crossings:
            return
        found = await promotions.named(tx, [crossing.promotion_id for crossing in crossings])
        stored = {each.promotion.promotion_id: each for each in found}
        for crossing in crossings:
            type_ = events.PROMOTION_SUSPENDED if crossing.suspended else events.PROMOTION_RESUMED
            payload = events.promotion_stock_changed(crossing, stored[crossing.promotion_id])
            await outbox.put(tx, type=type_, key=crossing.promotion_id, payload=payload)
