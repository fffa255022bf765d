"""Limits are levels: made with their promotion or at a customer's first use, journal first, then gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.db import Database, Tx
from chassis.gate.adjustments import Adjustments, Row
from chassis.gate.journal import enter
from promo_svc.domain.promotion import Promotion
from promo_svc.store import keys, usage

REMEMBERED_LEVELS = 100_000
"""Customer levels that this process knows to be as they should; about 20 MB. More are simply asked for again."""


class Limits:
    """Every change of a limit, and what spares the second redemption of a customer the question."""

    def __init__(self, database: Database, adjustments: Adjustments) -> None:
        self._database = database
        self._adjustments = adjustments
        self._known: dict[str, int] = {}

    async def add(self, tx: Tx, promotion: Promotion) -> list[Row]:
        """The level of a new promotion; give the answer to `tell_gate` after the commit."""
        epoch = await enter(tx, keys.PARTITION)
        return await self._record(tx, epoch, await usage.add_total(tx, promotion.promotion_id, promotion.usage_limit))

    async def change(self, tx: Tx, before: Promotion, after: Promotion) -> list[Row]:
        """Another limit in total; customers' levels follow at their next use. LimitBelowUsed."""
        if before.usage_limit == after.usage_limit:
            return []
        epoch = await enter(tx, keys.PARTITION)
        return await self._record(tx, epoch, await usage.change_total(tx, after.promotion_id, after.usage_limit))

    async def tell_gate(self, rows: Sequence[Row]) -> None:
        """Brings committed changes to the gate; what fails is brought by the adjustments job."""
        if rows:
            await self._adjustments.apply(rows)

    async def ready_customer(self, customer_id: str, promotions: Sequence[Promotion]) -> None:
        """Sees to it that the customer has a level with today's limit for each of them. Safe to repeat."""
        wanted = {
            keys.of_customer(promotion.promotion_id, customer_id): promotion.customer_limit for promotion in promotions
        }
        if all(self._known.get(key) == limit for key, limit in wanted.items()):
            return
        promotion_ids = [promotion.promotion_id for promotion in promotions]

        async def work(tx: Tx) -> tuple[list[Row], Mapping[str, int]]:
            epoch = await enter(tx, keys.PARTITION)
            changed, limits = await usage.set_customer(tx, customer_id, promotion_ids)
            return await self._record(tx, epoch, changed), limits

        rows, limits = await self._database.run(work)
        await self.tell_gate(rows)
        if len(self._known) >= REMEMBERED_LEVELS:
            self._known.clear()
        self._known.update(limits)

    async def tell_untold(self, level_keys: Sequence[str]) -> None:
        """Brings what the gate may not know of these levels: another process may be between its commit and the gate."""
        async with self._database.connection() as connection:
            rows = await usage.untold(connection, level_keys)
        await self.tell_gate(rows)

    async def _record(self, tx: Tx, epoch: int, changed: Mapping[str, int]) -> list[Row]:
        return await self._adjustments.record(tx, epoch, changed) if changed else []
