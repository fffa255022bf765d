"""SQL of the table `promotions`. Every write takes the catalogue's next revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from chassis.db import Tx
from promo_svc.domain.errors import CodeTaken, PromotionTaken
from promo_svc.domain.money import Money
from promo_svc.domain.promotion import FixedAmount, Percent, Promotion, State, StoredPromotion

INSERT = """
WITH next AS (UPDATE catalogue SET revision = revision + 1 RETURNING revision)
INSERT INTO promotions (
    promotion_id, name, state, percent_bps, fixed_amount_minor, fixed_amount_currency, code, usage_limit,
    customer_limit, skus, categories, minimum_amount_minor, minimum_amount_currency, start_time, end_time,
    channels, priority, exclusive, first_order_only, minimum_purchases, stock_skus, minimum_available,
    version, revision)
VALUES (
    %(promotion_id)s, %(name)s, %(state)s, %(percent_bps)s, %(fixed_amount_minor)s, %(fixed_amount_currency)s,
    %(code)s, %(usage_limit)s, %(customer_limit)s, %(skus)s, %(categories)s, %(minimum_amount_minor)s,
    %(minimum_amount_currency)s, %(start_time)s, %(end_time)s, %(channels)s, %(priority)s, %(exclusive)s,
    %(first_order_only)s, %(minimum_purchases)s, %(stock_skus)s, %(minimum_available)s, 1, (SELECT revision FROM next))
RETURNING *"""
UPDATE = """
WITH next AS (UPDATE catalogue SET revision = revision + 1 RETURNING revision)
UPDATE promotions SET
    name = %(name)s, state = %(state)s, percent_bps = %(percent_bps)s, fixed_amount_minor =
    %(fixed_amount_minor)s, fixed_amount_currency = %(fixed_amount_currency)s, code = %(code)s, usage_limit =
    %(usage_limit)s, customer_limit = %(customer_limit)s, skus = %(skus)s, categories = %(categories)s,
    minimum_amount_minor = %(minimum_amount_minor)s, minimum_amount_currency = %(minimum_amount_currency)s,
    start_time = %(start_time)s, end_time = %(end_time)s, channels = %(channels)s, priority = %(priority)s,
    exclusive = %(exclusive)s, first_order_only = %(first_order_only)s, minimum_purchases = %(minimum_purchases)s,
    stock_skus = %(stock_skus)s, minimum_available = %(minimum_available)s, version = version + 1,
    revision = (SELECT revision FROM next), update_time = now()
WHERE promotion_id = %(promotion_id)s
RETURNING *"""
WHOLE = """
SELECT p.*, u.reserved + u.committed AS used, s.suspended
  FROM promotions p LEFT JOIN usage_levels u ON u.key = p.promotion_id
  LEFT JOIN promotion_stock s ON s.promotion_id = p.promotion_id"""
READ = f"""{WHOLE}
 WHERE p.promotion_id = %s"""
LOCK = f"""{WHOLE}
 WHERE p.promotion_id = %s FOR UPDATE OF p"""
NAMED = f"{WHOLE} WHERE p.promotion_id = ANY (%s)"
PAGE = f"""{WHOLE}
 WHERE p.promotion_id > %s ORDER BY p.promotion_id LIMIT %s"""
CHANGED = "SELECT * FROM promotions WHERE revision > %s ORDER BY revision"


async def insert(tx: Tx, promotion: Promotion) -> StoredPromotion:
    """Stores a new promotion. PromotionTaken, CodeTaken."""
    return await _write(tx, INSERT, promotion)


async def update(tx: Tx, promotion: Promotion) -> StoredPromotion:
    """Replaces every rule of an existing promotion, whose row the caller has locked. CodeTaken."""
    return await _write(tx, UPDATE, promotion)


async def read(tx: Tx, promotion_id: str) -> StoredPromotion | None:
    """One promotion."""
    return _first(await _rows(tx, READ, (promotion_id,)))


async def lock(tx: Tx, promotion_id: str) -> StoredPromotion | None:
    """One promotion, locked until this transaction ends."""
    return _first(await _rows(tx, LOCK, (promotion_id,)))


async def named(tx: Tx, promotion_ids: Sequence[str]) -> list[StoredPromotion]:
    """The promotions of these ids that exist, in any order."""
    return [stored(row) for row in await _rows(tx, NAMED, (list(promotion_ids),))]


async def page(tx: Tx, after: str, size: int) -> list[StoredPromotion]:
    """Promotions by id, those after `after`."""
    return [stored(row) for row in await _rows(tx, PAGE, (after, size))]


async def changed_since(tx: Tx, revision: int) -> tuple[list[StoredPromotion], int]:
    """All promotions written after `revision`, and the newest revision among them."""
    rows = await _rows(tx, CHANGED, (revision,))
    return [stored(row) for row in rows], rows[-1]["revision"] if rows else revision


async def _write(tx: Tx, statement: str, promotion: Promotion) -> StoredPromotion:
    try:
        rows = await _rows(tx, statement, _columns(promotion))
    except psycopg.errors.UniqueViolation as taken:
        if taken.diag.constraint_name == "code_belongs_to_one_promotion":
            raise CodeTaken(promotion.code) from taken
        raise PromotionTaken(promotion.promotion_id) from taken
    return stored(rows[0])


async def _rows(tx: Tx, statement: str, values: Any) -> list[dict[str, Any]]:
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()


def _first(rows: list[dict[str, Any]]) -> StoredPromotion | None:
    return stored(rows[0]) if rows else None


def _columns(promotion: Promotion) -> dict[str, Any]:
    discount, minimum = promotion.discount, promotion.minimum_amount
    fixed = discount.money if isinstance(discount, FixedAmount) else None
    return {
        "promotion_id": promotion.promotion_id,
        "name": promotion.name,
        "state": promotion.state.value,
        "percent_bps": discount.bps if isinstance(discount, Percent) else None,
        "fixed_amount_minor": fixed.amount_minor if fixed else None,
        "fixed_amount_currency": fixed.currency if fixed else None,
        "code": promotion.code or None,
        "usage_limit": promotion.usage_limit,
        "customer_limit": promotion.customer_limit,
        "skus": list(promotion.skus),
        "categories": list(promotion.categories),
        "minimum_amount_minor": minimum.amount_minor if minimum else None,
        "minimum_amount_currency": minimum.currency if minimum else None,
        "start_time": promotion.start_time,
        "end_time": promotion.end_time,
        "channels": list(promotion.channels),
        "priority": promotion.priority,
        "exclusive": promotion.exclusive,
        "first_order_only": promotion.first_order_only,
        "minimum_purchases": promotion.minimum_purchases,
        "stock_skus": list(promotion.stock_skus),
        "minimum_available": promotion.minimum_available,
    }


def stored(row: dict[str, Any]) -> StoredPromotion:
    """The domain object of a row; uses and suspension are set only if the statement joined them."""
    promotion = Promotion(
        promotion_id=row["promotion_id"],
        name=row["name"],
        discount=_discount(row),
        state=State(row["state"]),
        code=row["code"] or "",
        usage_limit=row["usage_limit"],
        customer_limit=row["customer_limit"],
        skus=tuple(row["skus"]),
        categories=tuple(row["categories"]),
        minimum_amount=_money(row["minimum_amount_currency"], row["minimum_amount_minor"]),
        start_time=row["start_time"],
        end_time=row["end_time"],
        channels=tuple(row["channels"]),
        priority=row["priority"],
        exclusive=row["exclusive"],
        first_order_only=row["first_order_only"],
        minimum_purchases=row["minimum_purchases"],
        stock_skus=tuple(row["stock_skus"]),
        minimum_available=row["minimum_available"],
    )
    used, suspended = row.get("used") or 0, bool(row.get("suspended"))
    return StoredPromotion(promotion, row["version"], row["create_time"], row["update_time"], used, suspended)


def _discount(row: dict[str, Any]) -> Percent | FixedAmount:
    fixed = _money(row["fixed_amount_currency"], row["fixed_amount_minor"])
    return FixedAmount(fixed) if fixed else Percent(row["percent_bps"])


def _money(currency: str | None, amount_minor: int | None) -> Money | None:
    return None if currency is None or amount_minor is None else Money(currency, amount_minor)
