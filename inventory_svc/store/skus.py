"""SQL of skus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from chassis.db import Tx
from inventory_svc.domain.model import Sku

COLUMNS: LiteralString = """sku, name, category, brand, currency, price_minor, attributes, parent_product, version,
created_at, updated_at"""
VALUES: LiteralString = "sku, name, category, brand, currency, price_minor, attributes, parent_product"
INSERT: LiteralString = f"""
INSERT INTO skus ({VALUES}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (sku) DO NOTHING RETURNING {COLUMNS}"""
UPSERT: LiteralString = f"""
INSERT INTO skus ({VALUES}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (sku) DO UPDATE SET name = excluded.name, category = excluded.category, brand = excluded.brand,
  currency = excluded.currency, price_minor = excluded.price_minor, attributes = excluded.attributes,
  parent_product = excluded.parent_product, version = skus.version + 1, updated_at = now()
RETURNING {COLUMNS}"""
READ: LiteralString = f"SELECT {COLUMNS} FROM skus WHERE sku = ANY (%s)"
LOCK: LiteralString = f"SELECT {COLUMNS} FROM skus WHERE sku = %s FOR NO KEY UPDATE"
LIST: LiteralString = f"""
SELECT {COLUMNS} FROM skus
 WHERE sku > %(after)s
   AND (%(category)s = '' OR category = %(category)s OR category LIKE %(below)s)
   AND (%(parent)s = '' OR parent_product = %(parent)s)
 ORDER BY sku LIMIT %(limit)s"""
EXISTING: LiteralString = "SELECT sku FROM skus WHERE sku = ANY (%s)"


async def insert(tx: Tx, sku: Sku) -> Sku | None:
    """None when the sku exists already."""
    row = await (await tx.execute(INSERT, _values(sku))).fetchone()
    return None if row is None else _sku(row)


async def upsert(tx: Tx, sku: Sku) -> Sku:
    """Creates or replaces; a version of 1 tells that it is new."""
    row = await (await tx.execute(UPSERT, _values(sku))).fetchone()
    return _sku(row or ())


async def lock(tx: Tx, sku: str) -> Sku | None:
    """The sku, held against other writers until the transaction ends."""
    row = await (await tx.execute(LOCK, (sku,))).fetchone()
    return None if row is None else _sku(row)


async def read(tx: Tx, skus: Sequence[str]) -> dict[str, Sku]:
    """Those that exist."""
    rows = await (await tx.execute(READ, (list(skus),))).fetchall()
    return {row[0]: _sku(row) for row in rows}


async def page(tx: Tx, after: str, category: str, parent_product: str, limit: int) -> list[Sku]:
    """Up to `limit` skus after one, by sku; `category` includes what lies below it."""
    values = {
        "after": after,
        "category": category,
        "below": category.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "/%",
        "parent": parent_product,
        "limit": limit,
    }
    return [_sku(row) for row in await (await tx.execute(LIST, values)).fetchall()]


async def existing(tx: Tx, skus: Sequence[str]) -> set[str]:
    """Which of them exist."""
    return {row[0] for row in await (await tx.execute(EXISTING, (list(skus),))).fetchall()}


def _values(sku: Sku) -> tuple[Any, ...]:
    return (
        sku.sku,
        sku.name,
        sku.category,
        sku.brand,
        sku.currency,
        sku.price_minor,
        Jsonb(sku.attributes),
        sku.parent_product,
    )


def _sku(row: tuple[Any, ...]) -> Sku:
    return Sku(*row)
