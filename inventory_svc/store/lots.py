"""SQL of lots and of their units in each location."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import LiteralString

from chassis.db import Tx
from inventory_svc.domain.lots import LotStock

INSERT: LiteralString = """
INSERT INTO lots (sku, lot, manufacture_date, expiry_date) VALUES (%s, %s, %s, %s)
ON CONFLICT (sku, lot) DO NOTHING"""
READ: LiteralString = "SELECT manufacture_date, expiry_date FROM lots WHERE sku = %s AND lot = %s"
CHANGE: LiteralString = """
INSERT INTO lot_levels (key, sku, lot, on_hand, expired) VALUES (%(key)s, %(sku)s, %(lot)s, %(delta)s, %(expired)s)
ON CONFLICT (key, lot) DO UPDATE SET on_hand = lot_levels.on_hand + %(delta)s,
  expired = lot_levels.expired OR %(expired)s"""
SHRINK: LiteralString = "UPDATE lot_levels SET on_hand = on_hand + %s WHERE key = %s AND lot = %s"
OF_KEY: LiteralString = """
SELECT t.lot, t.on_hand, l.manufacture_date, l.expiry_date, t.expired
  FROM lot_levels t JOIN lots l USING (sku, lot) WHERE t.key = %s ORDER BY l.expiry_date NULLS LAST, t.lot"""
OF_SKUS: LiteralString = """
SELECT t.key, t.lot, t.on_hand, l.manufacture_date, l.expiry_date, t.expired
  FROM lot_levels t JOIN lots l USING (sku, lot)
 WHERE t.sku = ANY (%s) AND t.on_hand > 0 ORDER BY l.expiry_date NULLS LAST, t.lot"""
# Today's date in every time zone is before current_date + 2: a bound that the index on expiry_date can use.
OVERDUE: LiteralString = """
SELECT t.key, t.lot FROM lot_levels t JOIN lots l USING (sku, lot)
  JOIN stock_levels s USING (key) JOIN locations p ON p.location = s.location
 WHERE NOT t.expired AND l.expiry_date < current_date + 2
   AND l.expiry_date < (now() AT TIME ZONE p.time_zone)::date ORDER BY t.key, t.lot LIMIT %s"""
EXPIRE: LiteralString = """
UPDATE lot_levels SET expired = true WHERE key = %s AND lot = %s AND NOT expired RETURNING on_hand"""
MISMATCHES: LiteralString = """
SELECT s.key FROM stock_levels s LEFT JOIN lot_levels t USING (key) GROUP BY s.key, s.on_hand, s.unavailable
HAVING s.on_hand <> coalesce(sum(t.on_hand), 0)
    OR s.unavailable <> coalesce(sum(t.on_hand) FILTER (WHERE t.expired), 0)"""


async def insert(tx: Tx, sku: str, lot: str, manufactured: date | None, expires: date | None) -> None:
    """Stores the lot; an existing one is left as it is."""
    await tx.execute(INSERT, (sku, lot, manufactured, expires))


async def dates(tx: Tx, sku: str, lot: str) -> tuple[date | None, date | None] | None:
    """Dates of manufacture and expiry; None when the lot is unknown."""
    row = await (await tx.execute(READ, (sku, lot))).fetchone()
    return None if row is None else (row[0], row[1])


async def add(tx: Tx, key: str, sku: str, lot: str, quantity: int, expired: bool) -> None:
    """Adds units to a lot, which must exist."""
    await tx.execute(CHANGE, {"key": key, "sku": sku, "lot": lot, "delta": quantity, "expired": expired})


async def remove(tx: Tx, key: str, lot: str, quantity: int) -> None:
    """Removes units from a lot; the constraint `lot_on_hand_not_negative` guards it."""
    await tx.execute(SHRINK, (-quantity, key, lot))


async def of_key(tx: Tx, key: str) -> list[LotStock]:
    """The lots of one level, first to expire first; the caller has locked the level."""
    return [LotStock(*row) for row in await (await tx.execute(OF_KEY, (key,))).fetchall()]


async def of_skus(tx: Tx, skus: Sequence[str]) -> dict[str, list[LotStock]]:
    """The lots of some skus that are on hand, by level key."""
    found: dict[str, list[LotStock]] = {}
    for row in await (await tx.execute(OF_SKUS, (list(skus),))).fetchall():
        found.setdefault(row[0], []).append(LotStock(*row[1:]))
    return found


async def overdue(tx: Tx, most: int) -> list[tuple[str, str]]:
    """The (level key, lot) of lots whose last day has passed in their location and that still count as available."""
    return [(row[0], row[1]) for row in await (await tx.execute(OVERDUE, (most,))).fetchall()]


async def expire(tx: Tx, key: str, lot: str) -> int | None:
    """Marks the lot as expired there; returns its units, or None when it was marked already."""
    row = await (await tx.execute(EXPIRE, (key, lot))).fetchone()
    return None if row is None else int(row[0])


async def mismatches(tx: Tx) -> list[str]:
    """Levels whose on_hand or unavailable is not the sum of their lots."""
    return [row[0] for row in await (await tx.execute(MISMATCHES)).fetchall()]
