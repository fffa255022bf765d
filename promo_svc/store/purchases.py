"""SQL of `purchases`: one row per line of an order, from its newest version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from chassis.db import Tx
from promo_svc.domain.purchase import OrderFact, Purchase

MOST_COUNTED = 1_000
"""The maximum of `minimum_purchases`, so no more earlier orders are counted."""

WRITE: LiteralString = """
WITH facts AS (
  SELECT f.* FROM unnest(%(order_ids)s::text[], %(versions)s::bigint[], %(customer_ids)s::text[], %(currencies)s::text[],
                         %(purchased)s::timestamptz[], %(cancelled)s::timestamptz[], %(counts)s::integer[])
    AS f(order_id, version, customer_id, currency, purchased_at, cancelled_at, lines)
   WHERE NOT EXISTS (SELECT FROM purchases p WHERE p.order_id = f.order_id AND p.version >= f.version)
), gone AS (
  DELETE FROM purchases p USING facts f WHERE p.order_id = f.order_id AND p.line >= f.lines
)
INSERT INTO purchases AS p
  (order_id, line, customer_id, sku, quantity, total_minor, currency, version, purchased_at, cancelled_at)
SELECT f.order_id, l.line, f.customer_id, l.sku, l.quantity, l.total_minor, f.currency, f.version,
       f.purchased_at, f.cancelled_at
  FROM facts f JOIN unnest(%(line_orders)s::text[], %(lines)s::integer[], %(skus)s::text[], %(quantities)s::bigint[],
                           %(totals)s::bigint[]) AS l(order_id, line, sku, quantity, total_minor) USING (order_id)
 ORDER BY f.order_id, l.line
ON CONFLICT (order_id, line) DO UPDATE
   SET customer_id = excluded.customer_id, sku = excluded.sku, quantity = excluded.quantity,
       total_minor = excluded.total_minor, currency = excluded.currency, version = excluded.version,
       purchased_at = coalesce(p.purchased_at, excluded.purchased_at), cancelled_at = excluded.cancelled_at
 WHERE p.version < excluded.version"""
# A confirmation that arrives after its order's cancellation only sets the time of purchase.
CONFIRM: LiteralString = """
UPDATE purchases p SET purchased_at = f.purchased_at
  FROM unnest(%s::text[], %s::timestamptz[]) AS f(order_id, purchased_at)
 WHERE p.order_id = f.order_id AND p.purchased_at IS NULL"""
PAGE: LiteralString = """
SELECT order_id, line, sku, quantity, total_minor, currency, purchased_at, cancelled_at FROM purchases
 WHERE customer_id = %(customer_id)s AND purchased_at IS NOT NULL
   AND (purchased_at, order_id) <= (%(before)s, %(order_id)s)
   AND ((purchased_at, order_id) < (%(before)s, %(order_id)s) OR line > %(line)s)
 ORDER BY purchased_at DESC, order_id DESC, line LIMIT %(most)s"""
FIRST_PAGE: LiteralString = """
SELECT order_id, line, sku, quantity, total_minor, currency, purchased_at, cancelled_at FROM purchases
 WHERE customer_id = %(customer_id)s AND purchased_at IS NOT NULL
 ORDER BY purchased_at DESC, order_id DESC, line LIMIT %(most)s"""
STANDING: LiteralString = f"""
SELECT w.customer_id, (SELECT count(*) FROM (
         SELECT FROM purchases p
          WHERE p.customer_id = w.customer_id AND p.line = 0 AND p.purchased_at IS NOT NULL AND p.cancelled_at IS NULL
          LIMIT {MOST_COUNTED}) AS orders)
  FROM unnest(%s::text[]) AS w(customer_id)"""


async def write(tx: Tx, facts: Sequence[OrderFact]) -> None:
    """Stores versions that are newer than the known ones; each order may appear once. Safe to repeat, in any order."""
    lines = [(fact.order_id, number, line) for fact in facts for number, line in enumerate(fact.lines)]
    await tx.execute(
        WRITE,
        {
            "order_ids": [fact.order_id for fact in facts],
            "versions": [fact.version for fact in facts],
            "customer_ids": [fact.customer_id for fact in facts],
            "currencies": [fact.currency for fact in facts],
            "purchased": [fact.placed_at if fact.confirmed else None for fact in facts],
            "cancelled": [fact.cancelled_at for fact in facts],
            "counts": [len(fact.lines) for fact in facts],
            "line_orders": [order_id for order_id, _, _ in lines],
            "lines": [number for _, number, _ in lines],
            "skus": [line.sku for _, _, line in lines],
            "quantities": [line.quantity for _, _, line in lines],
            "totals": [line.total_minor for _, _, line in lines],
        },
    )
    confirmed = [fact for fact in facts if fact.confirmed]
    if confirmed:
        await tx.execute(CONFIRM, ([fact.order_id for fact in confirmed], [fact.placed_at for fact in confirmed]))


async def page(tx: Tx, customer_id: str, after: tuple[datetime, str, int] | None, most: int) -> list[Purchase]:
    """A customer's purchases after `after` (time, order, line), newest order first."""
    values: dict[str, object] = {"customer_id": customer_id, "most": most}
    if after is None:
        cursor = await tx.execute(FIRST_PAGE, values)
    else:
        cursor = await tx.execute(PAGE, {**values, "before": after[0], "order_id": after[1], "line": after[2]})
    return [Purchase(*row) for row in await cursor.fetchall()]


async def standing(tx: Tx, customer_ids: Sequence[str]) -> dict[str, int]:
    """How many confirmed orders that were not cancelled each customer has, counted up to MOST_COUNTED."""
    rows = await (await tx.execute(STANDING, (list(customer_ids),))).fetchall()
    return {str(customer_id): int(orders) for customer_id, orders in rows}
