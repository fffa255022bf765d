"""Limits are levels: created with their promotion or at a customer's first use, in the journal first, then in the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from chassis import stages
from chassis.batcher import Batcher
from chassis.db import Database, Tx
from chassis.gate.adjustments import Adjustments, Row
from chassis.gate.journal import enter
from promo_svc.domain.promotion import Promotion
from promo_svc.store import keys, usage

REMEMBERED_LEVELS = 100_000
"""Customer levels that this process knows to be up to date; about 20 MB. Above this number they are read again."""

LANES = 2
"""While one transaction waits for its flush to disk, the next one is written."""
BATCH_LEVELS = 500
"""Levels created in one transaction: the first customers of a campaign arrive at the same time."""
QUEUE_ITEMS = 4_096
"""Redemptions that wait for their levels; more are refused before they have any effect."""
Wanted: TypeAlias = Sequence[tuple[str, str]]
"""Levels that one redemption needs: promotion and customer."""


class Limits:
    """Applies every change of a limit, and remembers customer levels so that later redemptions need no query."""

    def __init__(self, database: Database, adjustments: Adjustments) -> None:
        self._database = database
        self._adjustments = adjustments
        self._known: dict[str, int] = {}
        self._stage: Batcher[Wanted, None] = stages.stage(
            "promo.limits", self._flush, lanes=LANES, batch_weight=BATCH_LEVELS, queue_items=QUEUE_ITEMS, weight=len
        )

    def start(self) -> None:
        """Starts the stage, in the running loop."""
        self._stage.start()

    async def close(self) -> None:
        """Finishes the pending writes."""
        await self._stage.close()

    async def add(self, tx: Tx, promotion: Promotion) -> list[Row]:
        """Creates the level of a new promotion; pass the result to `tell_gate` after the commit."""
        epoch = await enter(tx, keys.PARTITION)
        return await self._record(tx, epoch, await usage.add_total(tx, promotion.promotion_id, promotion.usage_limit))

    async def change(self, tx: Tx, before: Promotion, after: Promotion) -> list[Row]:
        """Changes the limit in total; customers' levels follow at their next use. LimitBelowUsed."""
        if before.usage_limit == after.usage_limit:
            return []
        epoch = await enter(tx, keys.PARTITION)
        return await self._record(tx, epoch, await usage.change_total(tx, after.promotion_id, after.usage_limit))

    async def tell_gate(self, rows: Sequence[Row]) -> None:
        """Applies committed changes to the gate; the adjustments job applies those that fail."""
        if rows:
            await self._adjustments.apply(rows)

    async def ready_customer(self, customer_id: str, limits: Mapping[str, int]) -> None:
        """Ensures that the customer has a level with each of these limits, by promotion id or FIRST_ORDER. Safe to repeat.
        OVERLOADED."""
        wanted = [
            (promotion_id, customer_id)
            for promotion_id, limit in limits.items()
            if self._known.get(keys.of_customer(promotion_id, customer_id)) != limit
        ]
        if wanted:
            await self._stage.submit(wanted)

    async def _flush(self, batch: Sequence[Wanted]) -> list[None]:
        wanted = [pair for pairs in batch for pair in pairs]

        async def work(tx: Tx) -> tuple[list[Row], Mapping[str, int]]:
            epoch = await enter(tx, keys.PARTITION)
            changed, limits = await usage.set_customers(tx, wanted)
            return await self._record(tx, epoch, changed), limits

        rows, limits = await self._database.run(work)
        await self.tell_gate(rows)
        if len(self._known) >= REMEMBERED_LEVELS:
            self._known.clear()
        self._known.update(limits)
        return [None] * len(batch)

    async def tell_untold(self, level_keys: Sequence[str]) -> None:
        """Applies pending changes of these levels to the gate: another process may have committed and not applied them yet."""
        async with self._database.connection() as connection:
            rows = await usage.untold(connection, level_keys)
        await self.tell_gate(rows)

    async def _record(self, tx: Tx, epoch: int, changed: Mapping[str, int]) -> list[Row]:
        return await self._adjustments.record(tx, epoch, changed) if changed else []
