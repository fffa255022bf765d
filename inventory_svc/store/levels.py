"""SQL of stock levels: changes by hand, and reads. Reservations change them through the journal's functions only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, LiteralString

from chassis import metrics
from chassis.db import Tx
from inventory_svc.domain.lots import LotStock
from inventory_svc.domain.model import Level, level_key

COLUMNS: LiteralString = "sku, location, on_hand, reserved, committed, unavailable, backorder_limit, version"
OPEN: LiteralString = """
INSERT INTO stock_levels (key, sku, location, version) VALUES (%s, %s, %s, 0) ON CONFLICT DO NOTHING"""
LOCK: LiteralString = f"SELECT {COLUMNS} FROM stock_levels WHERE key = %s FOR NO KEY UPDATE"
CHANGE: LiteralString = f"""
WITH changed AS (
  UPDATE stock_levels SET on_hand = on_hand + %(on_hand)s, committed = committed + %(committed)s,
         unavailable = unavailable + %(unavailable)s, backorder_limit = backorder_limit + %(backorder_limit)s,
         version = version + 1
   WHERE key = %(key)s RETURNING *
), told AS (
  INSERT INTO outbox (type, key, payload)
  SELECT 'inventory.stock_level.changed', c.sku, stock_level_event(c.sku, c.location, c.on_hand, c.reserved,
         c.committed, c.unavailable, c.backorder_limit, c.version, %(cause)s) FROM changed c
), warned AS (
  INSERT INTO outbox (type, key, payload)
  SELECT 'inventory.stock_level.shortfall', c.sku, stock_level_event(c.sku, c.location, c.on_hand, c.reserved,
         c.committed, c.unavailable, c.backorder_limit, c.version, %(cause)s) FROM changed c
   WHERE %(on_hand)s - %(unavailable)s < 0 AND c.on_hand - c.reserved - c.committed - c.unavailable < 0
)
SELECT {COLUMNS} FROM changed"""
MOVE: LiteralString = """
INSERT INTO stock_movements (kind, reference, key, lot, on_hand_delta, committed_delta, unavailable_delta,
                             backorder_limit_delta, reservation_id, reason)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
OF_SKUS: LiteralString = f"SELECT {COLUMNS} FROM stock_levels WHERE sku = ANY (%s) ORDER BY sku, location"
PAGE: LiteralString = """
SELECT s.sku, s.location, s.on_hand, s.reserved, s.committed, s.unavailable, s.backorder_limit, s.version
  FROM stock_levels s JOIN skus k USING (sku)
 WHERE (s.sku, s.location) > (%(sku)s, %(after)s)
   AND (%(location)s = '' OR s.location = %(location)s)
   AND (%(category)s = '' OR k.category = %(category)s OR k.category LIKE %(below)s)
   AND (%(most)s::bigint IS NULL OR s.on_hand - s.reserved - s.committed - s.unavailable <= %(most)s)
 ORDER BY s.sku, s.location LIMIT %(limit)s"""


SHORTFALLS = metrics.counter(
    "stock_shortfalls_total",
    "Manual changes and expired lots that left less than is promised, including changes that were rolled back",
)


@dataclass(frozen=True)
class Change:
    """A change of one lot's part of a level, and its cause."""

    kind: str
    reference: str
    lot: str = ""
    on_hand: int = 0
    committed: int = 0
    unavailable: int = 0
    backorder_limit: int = 0
    reservation_id: str | None = None
    reason: str = ""

    @property
    def takeable(self) -> int:
        """The change of what the gate may sell."""
        return self.on_hand - self.committed - self.unavailable + self.backorder_limit


async def open_level(tx: Tx, sku: str, location: str) -> None:
    """Creates the level unless it exists; both sku and location must exist."""
    await tx.execute(OPEN, (level_key(sku, location), sku, location))


async def lock(tx: Tx, key: str) -> Level | None:
    """The level, locked against other writers until the transaction ends."""
    row = await (await tx.execute(LOCK, (key,))).fetchone()
    return None if row is None else Level(*row)


async def change(tx: Tx, key: str, changes: Sequence[Change]) -> Level:
    """Applies changes to one level together: one update, one movement for each change, one event."""
    for one in changes:
        await tx.execute(MOVE, _movement(key, one))
    sums = {
        "key": key,
        "on_hand": sum(one.on_hand for one in changes),
        "committed": sum(one.committed for one in changes),
        "unavailable": sum(one.unavailable for one in changes),
        "backorder_limit": sum(one.backorder_limit for one in changes),
        "cause": changes[0].kind,
    }
    row = await (await tx.execute(CHANGE, sums)).fetchone()
    level = Level(*(row or ()))
    if sum(one.on_hand - one.unavailable for one in changes) < 0 and level.available < 0:
        SHORTFALLS.add()
    return level


async def of_skus(tx: Tx, skus: Sequence[str]) -> dict[str, list[Level]]:
    """All levels of some skus, by location."""
    found: dict[str, list[Level]] = {}
    for row in await (await tx.execute(OF_SKUS, (list(skus),))).fetchall():
        found.setdefault(row[0], []).append(Level(*row))
    return found


async def page(
    tx: Tx, after: tuple[str, str], location: str, category: str, most_available: int | None, limit: int
) -> list[Level]:
    """Up to `limit` levels after a given one, by sku and location."""
    values = {
        "sku": after[0],
        "after": after[1],
        "location": location,
        "category": category,
        "below": category.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "/%",
        "most": most_available,
        "limit": limit,
    }
    return [Level(*row) for row in await (await tx.execute(PAGE, values)).fetchall()]


def with_lots(level: Level, lots: list[LotStock]) -> Level:
    """The level with its lots."""
    return replace(level, lots=lots)


def _movement(key: str, one: Change) -> tuple[Any, ...]:
    return (
        one.kind,
        one.reference,
        key,
        one.lot,
        one.on_hand,
        one.committed,
        one.unavailable,
        one.backorder_limit,
        one.reservation_id,
        one.reason,
    )
