"""SQL of `stock_availability`, `stock_totals` and `promotion_stock`: units of each sku, and promotions that they suspend.

Locks are always taken in this order: totals by sku, then coupled promotions by id. The lock on a sku's total excludes other
counts of it, couplings to it and requests for its notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from chassis.db import Tx
from promo_svc.domain.promotion import Promotion
from promo_svc.domain.stock import Change, Crossing, LevelFact

KNOW: LiteralString = """
INSERT INTO stock_totals (sku) SELECT w.sku FROM unnest(%s::text[]) AS w(sku) ORDER BY w.sku ON CONFLICT DO NOTHING"""
LOCK: LiteralString = """
SELECT sku, available FROM stock_totals WHERE sku = ANY (%s) ORDER BY sku FOR NO KEY UPDATE"""
WRITE: LiteralString = """
INSERT INTO stock_availability AS s (sku, location, available, version)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT (sku, location) DO UPDATE SET available = excluded.available, version = excluded.version
 WHERE s.version < excluded.version"""
COUNT: LiteralString = """
UPDATE stock_totals t SET available = n.available
  FROM (SELECT sku, sum(available)::bigint AS available FROM stock_availability WHERE sku = ANY (%s) GROUP BY sku) AS n
 WHERE t.sku = n.sku AND t.available IS DISTINCT FROM n.available
RETURNING t.sku, t.available"""
AVAILABLE: LiteralString = "SELECT sku, available FROM stock_totals WHERE sku = ANY (%s) AND available IS NOT NULL"

COUPLE: LiteralString = """
INSERT INTO promotion_stock AS s (promotion_id, suspended)
SELECT %(promotion_id)s, bool_or(coalesce(t.available, 0) < %(minimum)s)
  FROM unnest(%(skus)s::text[]) AS w(sku) LEFT JOIN stock_totals t USING (sku)
ON CONFLICT (promotion_id) DO UPDATE SET suspended = excluded.suspended"""
UNCOUPLE: LiteralString = "DELETE FROM promotion_stock WHERE promotion_id = %s"
SUSPENDED: LiteralString = "SELECT suspended FROM promotion_stock WHERE promotion_id = %s FOR SHARE"
# Locked first and judged in a second statement, which sees the counts of the previous holder of the lock.
LOCK_COUPLED: LiteralString = """
SELECT s.promotion_id FROM promotion_stock s JOIN promotions p USING (promotion_id)
 WHERE p.stock_skus && %s::text[] ORDER BY s.promotion_id FOR NO KEY UPDATE OF s"""
JUDGE: LiteralString = """
UPDATE promotion_stock s SET suspended = j.fewest < j.minimum
  FROM (SELECT p.promotion_id, p.minimum_available AS minimum, min(coalesce(t.available, 0)) AS fewest,
               (array_agg(w.sku ORDER BY coalesce(t.available, 0), w.sku))[1] AS sku
          FROM promotions p CROSS JOIN unnest(p.stock_skus) AS w(sku) LEFT JOIN stock_totals t USING (sku)
         WHERE p.promotion_id = ANY (%s) GROUP BY p.promotion_id) AS j
 WHERE s.promotion_id = j.promotion_id AND s.suspended <> (j.fewest < j.minimum)
RETURNING s.promotion_id, s.suspended, j.sku, j.fewest"""


async def lock(tx: Tx, skus: Sequence[str]) -> dict[str, int | None]:
    """Units of each sku in all locations, None if unknown; locked until this transaction ends."""
    await tx.execute(KNOW, (list(skus),))
    rows = await (await tx.execute(LOCK, (list(skus),))).fetchall()
    return {str(sku): available for sku, available in rows}


async def write(tx: Tx, facts: Sequence[LevelFact]) -> list[Change]:
    """Stores versions that are newer than the known ones; each level may appear once. Returns the changes by sku."""
    before = await lock(tx, sorted({fact.sku for fact in facts}))
    columns = zip(*((fact.sku, fact.location, fact.available, fact.version) for fact in facts), strict=True)
    await tx.execute(WRITE, [list(column) for column in columns])
    rows = await (await tx.execute(COUNT, (list(before),))).fetchall()
    return [Change(str(sku), before[sku], int(after)) for sku, after in sorted(rows)]


async def available(tx: Tx, skus: Sequence[str]) -> dict[str, int]:
    """Units in all locations, of known skus only."""
    return {str(sku): int(units) for sku, units in await (await tx.execute(AVAILABLE, (list(skus),))).fetchall()}


async def couple(tx: Tx, promotion: Promotion) -> None:
    """Couples the promotion to the stock of its skus; uncouples it when it has none."""
    if not promotion.stock_skus:
        await tx.execute(UNCOUPLE, (promotion.promotion_id,))
        return
    skus = list(promotion.stock_skus)
    await lock(tx, skus)
    values = {"promotion_id": promotion.promotion_id, "skus": skus, "minimum": promotion.minimum_available}
    await tx.execute(COUPLE, values)


async def is_suspended(tx: Tx, promotion_id: str) -> bool:
    """Whether stock suspends it. Locked until this transaction ends, so that its event is not stale when it is emitted."""
    row = await (await tx.execute(SUSPENDED, (promotion_id,))).fetchone()
    return row is not None and bool(row[0])


async def judge(tx: Tx, skus: Sequence[str]) -> list[Crossing]:
    """Coupled promotions that changes of these skus suspend or resume. The caller has locked the skus' totals."""
    coupled = [row[0] for row in await (await tx.execute(LOCK_COUPLED, (list(skus),))).fetchall()]
    if not coupled:
        return []
    rows = await (await tx.execute(JUDGE, (coupled,))).fetchall()
    return [Crossing(*row) for row in sorted(rows)]
