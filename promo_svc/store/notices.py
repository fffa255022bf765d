"""SQL of `back_in_stock_requests`: customers that wait for a sku, in order of arrival."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from chassis.db import Tx
from promo_svc.domain.notice import MOST_OF_CUSTOMER, MOST_OF_SKU, Notice, Wish, most_told

CUSTOMER_CLASS: LiteralString = "7410"
"""Class of an advisory lock (class, customer) that serialises the counting of one customer's requests."""

LOCK_CUSTOMER: LiteralString = f"SELECT pg_advisory_xact_lock({CUSTOMER_CLASS}, hashtext(%s))"
COUNTS: LiteralString = f"""
SELECT (SELECT count(*) FROM back_in_stock_requests WHERE customer_id = %(customer_id)s AND sku <> %(sku)s),
       (SELECT count(*) FROM (SELECT FROM back_in_stock_requests
                               WHERE sku = %(sku)s AND customer_id <> %(customer_id)s LIMIT {MOST_OF_SKU}) AS waiting)"""
PUT: LiteralString = """
INSERT INTO back_in_stock_requests (customer_id, sku, channel, email)
VALUES (%(customer_id)s, %(sku)s, %(channel)s, %(email)s)
ON CONFLICT (customer_id, sku) DO UPDATE SET channel = excluded.channel, email = excluded.email
RETURNING requested_at"""
PAGE: LiteralString = """
SELECT customer_id, sku, channel, email, requested_at FROM back_in_stock_requests
 WHERE customer_id = %s AND sku > %s ORDER BY sku LIMIT %s"""
REMOVE: LiteralString = "DELETE FROM back_in_stock_requests WHERE customer_id = %s AND sku = %s"
# promo.v1.BackInStock as JSON. One statement for rows and events: there may be thousands.
ANNOUNCE: LiteralString = """
WITH first AS (
  SELECT q.customer_id, q.sku, w.available
    FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS w(sku, available, most)
   CROSS JOIN LATERAL (SELECT b.customer_id, b.sku FROM back_in_stock_requests b
                        WHERE b.sku = w.sku ORDER BY b.place LIMIT w.most FOR UPDATE) AS q
), told AS (
  DELETE FROM back_in_stock_requests r USING first f
   WHERE r.customer_id = f.customer_id AND r.sku = f.sku RETURNING r.*, f.available
)
INSERT INTO outbox (type, key, payload)
SELECT 'promo.back_in_stock.announced', t.customer_id, jsonb_build_object(
         'customer_id', t.customer_id, 'sku', t.sku, 'available', t.available, 'channel', t.channel, 'email', t.email,
         'request_time', to_char(t.requested_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
  FROM told t ORDER BY t.sku, t.place"""


async def lock_customer(tx: Tx, customer_id: str) -> None:
    """Blocks other requests of this customer until this transaction ends."""
    await tx.execute(LOCK_CUSTOMER, (customer_id,))


async def are_full(tx: Tx, wish: Wish) -> tuple[bool, bool]:
    """Whether the customer, and whether the sku, already has the maximum of other open requests."""
    values = {"customer_id": wish.customer_id, "sku": wish.sku}
    row = await (await tx.execute(COUNTS, values)).fetchone()
    return (False, False) if row is None else (row[0] >= MOST_OF_CUSTOMER, row[1] >= MOST_OF_SKU)


async def put(tx: Tx, wish: Wish) -> Notice:
    """Adds the customer to the end of the queue; a customer already in it keeps the place, with the new channel and email."""
    values = {"customer_id": wish.customer_id, "sku": wish.sku, "channel": wish.channel, "email": wish.email}
    ((requested_at,),) = await (await tx.execute(PUT, values)).fetchall()
    return Notice(wish, requested_at)


async def page(tx: Tx, customer_id: str, after: str, most: int) -> list[Notice]:
    """A customer's open requests by sku, those after `after`."""
    rows = await (await tx.execute(PAGE, (customer_id, after, most))).fetchall()
    return [Notice(Wish(*row[:4]), row[4]) for row in rows]


async def remove(tx: Tx, customer_id: str, sku: str) -> bool:
    """Removes a request; True when there was one."""
    return (await tx.execute(REMOVE, (customer_id, sku))).rowcount > 0


async def announce(tx: Tx, back: Mapping[str, int]) -> None:
    """Notifies the first customers that wait for these skus and ends their requests. The caller has locked the totals."""
    most = [most_told(available) for available in back.values()]
    await tx.execute(ANNOUNCE, (list(back), list(back.values()), most))
