"""The inventory service's own objects in one process that a test may end at any point, and its books on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from chassis import redis
from chassis.db import Database
from chassis.gate.auditor import Auditor
from chassis.gate.partition import Partition, Tables
from chassis.interceptors.errors import to_service_error
from inventory_svc.api.errors import TABLE
from inventory_svc.api.reservations import ReservationServicer
from inventory_svc.api.stock import StockServicer
from inventory_svc.app.audit import StockAudit
from inventory_svc.app.fulfillment import Fulfillment
from inventory_svc.app.levels import Levels
from inventory_svc.app.locations import Locations
from inventory_svc.app.reservations import Reservations
from inventory_svc.app.stock import PARTITION, Stock
from tests.chassis.gate.auditing import Watch

TABLES = Tables("stock_levels", "stock_movements", "reservations", "inventory.audit")
LOCATIONS = ("berlin", "lyon")
FAR_MS = 2**50
"""Every entry of the gate is due by then."""
AGE = "UPDATE gate_adjustments SET created_at = created_at - interval '2 seconds' RETURNING id"


@dataclass(frozen=True)
class Stores:
    """Real servers, which outlive every process."""

    db: Database
    client: redis.Client

    async def rows(self, statement: Any, *values: object) -> list[tuple[Any, ...]]:
        """Returns the rows of a query."""
        async with self.db.connection() as connection:
            return await (await connection.execute(statement, values)).fetchall()


class Shop:
    """One process, assembled as in `inventory_svc.__main__`, without a port and without background loops."""

    def __init__(self, stores: Stores, watch: Watch) -> None:
        db = stores.db
        self.stores = stores
        self.watch = watch
        self.partition = Partition(db, stores.client, "inv", PARTITION, TABLES)
        partition, locations = self.partition, Locations(db)
        fulfillment = Fulfillment(db, partition.journal, partition.adjustments)
        self.reservations = ReservationServicer(Reservations(db, partition, locations), fulfillment)
        stock = Stock(db, partition.adjustments)
        self.stock = StockServicer(stock, Levels(db), locations, StockAudit(db, partition))
        always_on = partition.auditor
        self.auditor = Auditor(
            always_on._journal, partition.gate, always_on._pages, partition.epochs, "inventory.audit", watch.world()
        )

    async def start(self) -> None:
        """Starts to serve."""
        self.partition.claims.start()
        await self.partition.epochs.watch()

    async def close(self) -> None:
        """Ends normally."""
        await self.partition.close()

    async def kill(self) -> None:
        """Ends in the middle of its work: none of it continues."""
        claims = self.partition.claims
        stages = (claims._gate_stage, claims._journal_stage, claims._settle_stage)
        tasks: list[asyncio.Task[None]] = [task for stage in stages for task in stage._tasks]
        if self.partition.epochs._work is not None:
            tasks.append(self.partition.epochs._work)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.partition.gate.close()

    async def dies_in(self, owner: Any, step: str, work: Coroutine[Any, Any, object], *, after: bool = False) -> None:
        """Runs `work` until it calls `owner.step`, or has called it, and no further; or to its end if it does not."""
        reached, real = asyncio.Event(), getattr(owner, step)

        async def last(*arguments: Any, **named: Any) -> None:
            if after:
                await real(*arguments, **named)
            reached.set()
            await asyncio.Event().wait()

        setattr(owner, step, last)
        tasks = [asyncio.create_task(work), asyncio.create_task(reached.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.kill()

    async def sweep(self) -> None:
        """Runs all background loops of a process once."""
        await self.partition.epochs.watch()
        self.watch.passed_ms += 120_000
        await self.partition.sweeper.run_once(FAR_MS)
        await self.stores.rows(AGE)
        await self.partition.adjustments.run_once()


async def reason_of(call: Awaitable[Any]) -> tuple[Any, str]:
    """The answer and "", or None and the reason of the refusal."""
    try:
        return await call, ""
    except Exception as refused:
        reason = to_service_error(refused, TABLE).reason
        if reason == "INTERNAL":
            raise
        return None, reason


async def opened(stores: Stores, skus: Sequence[str]) -> None:
    """Creates the skus, and both locations, berlin first."""
    await stores.rows(
        "INSERT INTO locations (location, name, priority) SELECT name, name, place"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS l(name, place) ON CONFLICT DO NOTHING RETURNING 1",
        list(LOCATIONS),
    )
    await stores.rows(
        "INSERT INTO skus (sku, name, currency, price_minor) SELECT sku, sku, 'EUR', 1 FROM unnest(%s::text[]) AS s(sku)"
        " RETURNING 1",
        list(skus),
    )
