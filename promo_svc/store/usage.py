"""SQL of `usage_levels`: the limits (on_hand) and the uses given out (reserved + committed).

Redemptions change reserved and committed through the journal's functions; this file changes limits.
Each function that does so returns {key: change}, which must be applied to the gate after the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chassis.db import Tx
from chassis.gate.journal import Noted
from promo_svc.domain.errors import LimitBelowUsed
from promo_svc.domain.usage import FIRST_ORDER, FIRST_ORDERS, Uses
from promo_svc.store import keys

WITHOUT_LIMIT = 10**12
"""on_hand without a limit: uses are still counted, and a limit may be set later."""

ADD = """
INSERT INTO usage_levels (key, partition, promotion_id, on_hand)
SELECT w.key, %s, nullif(split_part(w.key, '@', 1), ''), w.on_hand FROM unnest(%s::text[], %s::bigint[]) AS w(key, on_hand)
 ORDER BY w.key
ON CONFLICT (key) DO NOTHING RETURNING key, on_hand, version"""
LEVEL = "SELECT on_hand, reserved + committed FROM usage_levels WHERE key = %s FOR NO KEY UPDATE"
CHANGE = """
WITH before AS (
  SELECT key, on_hand FROM usage_levels WHERE key = ANY (%s) ORDER BY key FOR NO KEY UPDATE
)
UPDATE usage_levels s SET on_hand = w.on_hand, version = s.version + 1
  FROM before b, unnest(%s::text[], %s::bigint[]) AS w(key, on_hand)
 WHERE s.key = b.key AND w.key = s.key AND b.on_hand <> w.on_hand
RETURNING s.key, s.on_hand - b.on_hand, s.version"""
NOTE = """
INSERT INTO usage_movements (kind, reference, key, on_hand_delta)
SELECT 'LIMIT', 'version:' || m.version, m.key, m.delta
  FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS m(key, delta, version)"""
# Shared, so that the limits cannot change between this read and the commit of the levels made from it.
CUSTOMER_LIMITS = """
SELECT promotion_id, customer_limit FROM promotions
 WHERE promotion_id = ANY (%s) AND customer_limit > 0 ORDER BY promotion_id FOR SHARE"""
USED = "SELECT key, reserved + committed FROM usage_levels WHERE key = ANY (%s)"
LEFT = "SELECT key, on_hand - reserved - committed FROM usage_levels WHERE key = ANY (%s)"
UNTOLD = """
SELECT id, epoch, key, delta, journal_ms(created_at) FROM gate_adjustments WHERE key = ANY (%s) ORDER BY id"""


async def add_total(tx: Tx, promotion_id: str, usage_limit: int) -> dict[str, int]:
    """Creates the level of a new promotion."""
    return await _add(tx, {keys.of_all(promotion_id): usage_limit or WITHOUT_LIMIT})


async def change_total(tx: Tx, promotion_id: str, usage_limit: int) -> dict[str, int]:
    """Changes the limit in total; 0 means no limit. LimitBelowUsed."""
    key, limit = keys.of_all(promotion_id), usage_limit or WITHOUT_LIMIT
    row = await (await tx.execute(LEVEL, (key,))).fetchone()
    if row is not None and row[1] > limit:
        raise LimitBelowUsed(promotion_id, row[1], limit)
    return await _change(tx, {key: limit})


async def set_customers(tx: Tx, wanted: Iterable[tuple[str, str]]) -> tuple[dict[str, int], dict[str, int]]:
    """Gives each (promotion or FIRST_ORDER, customer) a level with the current limit; returns changes and all limits.

    A limit may fall below what the customer has used; then no uses are left.
    """
    pairs = set(wanted)
    rows = await (await tx.execute(CUSTOMER_LIMITS, (sorted({pair[0] for pair in pairs}),))).fetchall()
    today = {str(row[0]): int(row[1]) for row in rows} | {FIRST_ORDER: FIRST_ORDERS}
    limits = {keys.of_customer(*pair): today[pair[0]] for pair in pairs if pair[0] in today}
    added = await _add(tx, limits)
    changed = await _change(tx, {key: limit for key, limit in limits.items() if key not in added})
    return added | changed, limits


async def uses(tx: Tx, asked: Sequence[tuple[Sequence[str], str]]) -> list[Uses]:
    """Uses given out, in all and by the customer, for each list of promotion ids (or FIRST_ORDER). One statement."""
    wanted = {keys.of_all(promotion_id) for promotion_ids, _ in asked for promotion_id in promotion_ids}
    wanted |= {
        keys.of_customer(promotion_id, customer_id)
        for promotion_ids, customer_id in asked
        if customer_id
        for promotion_id in promotion_ids
    }
    used = {str(key): int(units) for key, units in await (await tx.execute(USED, (list(wanted),))).fetchall()}
    return [_uses(used, promotion_ids, customer_id) for promotion_ids, customer_id in asked]


def _uses(used: Mapping[str, int], promotion_ids: Sequence[str], customer_id: str) -> Uses:
    total = {each: used[keys.of_all(each)] for each in promotion_ids if keys.of_all(each) in used}
    mine = {each: keys.of_customer(each, customer_id) for each in promotion_ids if customer_id}
    return Uses(total=total, by_customer={each: used[key] for each, key in mine.items() if key in used})


async def left(tx: Tx, level_keys: Sequence[str]) -> dict[str, int]:
    """Uses left on each level, by the journal."""
    rows = await (await tx.execute(LEFT, (list(level_keys),))).fetchall()
    return {str(key): int(units) for key, units in rows}


async def untold(tx: Tx, level_keys: Sequence[str]) -> list[Noted]:
    """Changes of these levels that may not be in the gate yet."""
    return [Noted(*row) for row in await (await tx.execute(UNTOLD, (list(level_keys),))).fetchall()]


async def _add(tx: Tx, limits: Mapping[str, int]) -> dict[str, int]:
    cursor = await tx.execute(ADD, (keys.PARTITION, list(limits), list(limits.values())))
    return await _note(tx, await cursor.fetchall())


async def _change(tx: Tx, limits: Mapping[str, int]) -> dict[str, int]:
    if not limits:
        return {}
    cursor = await tx.execute(CHANGE, (list(limits), list(limits), list(limits.values())))
    return await _note(tx, await cursor.fetchall())


async def _note(tx: Tx, rows: list[tuple[Any, ...]]) -> dict[str, int]:
    if rows:
        names, deltas, versions = map(list, zip(*rows, strict=True))
        await tx.execute(NOTE, (names, deltas, versions))
    return {row[0]: row[1] for row in rows}
