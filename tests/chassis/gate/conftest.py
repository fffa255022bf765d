"""A partition on real servers, with two counters, and the states that a crash would leave behind."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chassis import redis
from chassis.db import Database
from chassis.gate.epochs import Epochs
from chassis.gate.model import Claim, Take, WantedLine
from chassis.gate.partition import Partition, Tables
from chassis.gate.rebuilds import Rebuilds
from chassis.redis import Client

TABLES = Tables(levels="stock_levels", movements="stock_movements", reservations="reservations")


@dataclass
class Rig:
    """One partition, its database and its Redis. `url` names the database."""

    db: Database
    client: Client
    partition: Partition
    database_url: str

    async def counter(self, sku: str, on_hand: int, location: str = "berlin", backorder_limit: int = 0) -> str:
        """A level with its movement and lot, as receiving would create it; the gate has it after a rebuild."""
        key = f"{sku}@{location}"
        async with self.db.transaction() as tx:
            await tx.execute(
                "INSERT INTO skus (sku, name, currency, price_minor) VALUES (%s, 'x', 'EUR', 1) ON CONFLICT DO NOTHING",
                (sku,),
            )
            await tx.execute(
                "INSERT INTO locations (location, name) VALUES (%s, 'x') ON CONFLICT DO NOTHING", (location,)
            )
            await tx.execute(
                "INSERT INTO stock_levels (key, sku, location, on_hand, backorder_limit) VALUES (%s, %s, %s, %s, %s)",
                (key, sku, location, on_hand, backorder_limit),
            )
            await tx.execute(
                "INSERT INTO stock_movements (kind, reference, key, on_hand_delta, backorder_limit_delta)"
                " VALUES ('RECEIVE', %s, %s, %s, %s)",
                (secrets.token_hex(8), key, on_hand, backorder_limit),
            )
        await self.rebuild()
        return key

    async def rebuild(self) -> None:
        """Begins a new epoch, as the audit would request it."""
        await self.partition.epochs.ensure(self.partition.epochs.current, force=True)

    def other_epochs(self) -> Epochs:
        """The epochs as a new process knows them: none yet."""
        return Epochs(self.partition.gate, Rebuilds(self.db, 0, TABLES.levels, TABLES.reservations))

    async def level(self, key: str) -> dict[str, int]:
        """The journal's numbers."""
        rows = await self.rows("SELECT on_hand, reserved, committed, unavailable FROM stock_levels WHERE key = %s", key)
        return dict(zip(("on_hand", "reserved", "committed", "unavailable"), rows[0], strict=True))

    async def left(self, key: str) -> int | None:
        """The gate's number."""
        return (await self.partition.gate.counters(self.partition.epochs.current, [key]))[0]

    async def state(self, reservation_id: str) -> str | None:
        """The journal's state of a reservation."""
        found = await self.partition.journal.read([reservation_id])
        return found[reservation_id].state if reservation_id in found else None

    async def rows(self, statement: Any, *values: object) -> list[tuple[Any, ...]]:
        """Returns the rows of a query."""
        async with self.db.connection() as connection:
            return await (await connection.execute(statement, values)).fetchall()

    async def take_only(self, claim: Claim) -> Take:
        """Takes from the gate only, like a process that dies between gate and journal."""
        epoch = self.partition.epochs.current
        [take] = await self.partition.gate.reserve(epoch, [(claim, secrets.token_hex(6))])
        assert isinstance(take, Take)
        return take

    async def sweep_all(self) -> None:
        """Sweeps as if every entry were due."""
        await self.partition.sweeper.run_once(ahead_ms=2**50)

    async def assert_in_step(self) -> None:
        """Asserts gate = journal = movements = reservations."""
        found = await self.partition.audit.run_once()
        wrong = (found.gate_mismatches, found.movement_mismatches, found.reservation_mismatches)
        assert wrong == (0, 0, 0), found.examples


def claim(
    id: str, key: str | tuple[str, ...], quantity: int = 1, *, split: bool = False, ttl_ms: int = 60_000
) -> Claim:
    """A claim of one line."""
    keys = (key,) if isinstance(key, str) else key
    return Claim(id, f"{keys}*{quantity}", (WantedLine(keys, quantity, split),), ttl_ms)


@pytest.fixture
async def rig(new_database: Callable[[str], str], valkey_url: str) -> AsyncIterator[Rig]:
    """A fresh database, an empty gate, no background jobs: a test runs those that it needs."""
    url = new_database("inventory")
    client = redis.connect(valkey_url)
    await client.flushdb()
    db = Database(url)
    await db.open()
    partition = Partition(db, client, f"test-{secrets.token_hex(4)}", 0, TABLES)
    partition.claims.start()
    await partition.epochs.watch()
    yield Rig(db, client, partition, url)
    await partition.close()
    await client.aclose()
    await db.close()
