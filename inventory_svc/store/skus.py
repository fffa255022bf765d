"""SQL of skus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
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
# The ids are ASCII (see api/convert.py), so their forms can differ only in case.
LOOKALIKE: LiteralString = """
SELECT w.sku, s.sku
  FROM unnest(%s::text[]) AS w(sku)
  JOIN skus s ON lower(s.sku COLLATE "C") = lower(w.sku COLLATE "C") AND NOT s.twin AND s.sku <> w.sku
 WHERE NOT EXISTS (SELECT FROM skus o WHERE o.sku = w.sku)
 ORDER BY w.sku LIMIT 1"""
ONE_FORM = "skus_differ_in_more_than_case"


class FormTaken(Exception):
    """Another transaction has just created a sku that differs from a new one only in case. Look again."""


def form(sku: str) -> str:
    """The form in which skus are compared."""
    return sku.lower()


async def lookalike(tx: Tx, wanted: Sequence[str]) -> tuple[str, str] | None:
    """One of the wanted skus that would be new, and an existing one that differs from it only in case."""
    row = await (await tx.execute(LOOKALIKE, (list(wanted),))).fetchone()
    return None if row is None else (row[0], row[1])


async def insert(tx: Tx, sku: Sku) -> Sku | None:
    """Returns None when the sku already exists. Raises FormTaken."""
    row = await _written(tx, INSERT, sku)
    return None if row is None else _sku(row)


async def upsert(tx: Tx, sku: Sku) -> Sku:
    """Creates or replaces; version 1 means that it is new. Raises FormTaken."""
    return _sku(await _written(tx, UPSERT, sku) or ())


async def _written(tx: Tx, statement: LiteralString, sku: Sku) -> tuple[Any, ...] | None:
    try:
        return await (await tx.execute(statement, _values(sku))).fetchone()
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == ONE_FORM:
            raise FormTaken from error
        raise


async def lock(tx: Tx, sku: str) -> Sku | None:
    """The sku, locked against other writers until the transaction ends."""
    row = await (await tx.execute(LOCK, (sku,))).fetchone()
    return None if row is None else _sku(row)


async def read(tx: Tx, skus: Sequence[str]) -> dict[str, Sku]:
    """The skus that exist."""
    rows = await (await tx.execute(READ, (list(skus),))).fetchall()
    return {row[0]: _sku(row) for row in rows}


async def page(tx: Tx, after: str, category: str, parent_product: str, limit: int) -> list[Sku]:
    """Up to `limit` skus after a given one, by sku; `category` includes the categories below it."""
    values = {
        "after": after,
        "category": category,
        "below": category.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "/%",
        "parent": parent_product,
        "limit": limit,
    }
    return [_sku(row) for row in await (await tx.execute(LIST, values)).fetchall()]


async def existing(tx: Tx, skus: Sequence[str]) -> set[str]:
    """The given skus that exist."""
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
