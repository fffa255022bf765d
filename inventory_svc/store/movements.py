"""SQL reads of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from chassis.db import Tx
from inventory_svc.domain.model import Movement, Progress, split_key

PAGE: LiteralString = """
SELECT id, kind, reference, key, lot, on_hand_delta, reserved_delta, committed_delta, unavailable_delta, reason, created_at
  FROM stock_movements
 WHERE key = ANY (SELECT key FROM stock_levels WHERE sku = %(sku)s AND (%(location)s = '' OR location = %(location)s))
   AND id < %(before)s
 ORDER BY id DESC LIMIT %(limit)s"""
PROGRESS: LiteralString = """
SELECT reservation_id, key, -coalesce(sum(committed_delta) FILTER (WHERE kind = 'FULFILL'), 0)::bigint,
       -coalesce(sum(committed_delta) FILTER (WHERE kind = 'CANCEL'), 0)::bigint
  FROM stock_movements WHERE reservation_id = ANY (%s) GROUP BY reservation_id, key"""


async def page(tx: Tx, sku: str, location: str, before: int, limit: int) -> list[Movement]:
    """Up to `limit` movements of a sku older than a given one, newest first."""
    values = {"sku": sku, "location": location, "before": before, "limit": limit}
    return [_movement(row) for row in await (await tx.execute(PAGE, values)).fetchall()]


async def progress(tx: Tx, reservation_id: str) -> dict[str, Progress]:
    """Units of a committed reservation that have left or were cancelled, by level key."""
    return (await progress_of(tx, [reservation_id])).get(reservation_id, {})


async def progress_of(tx: Tx, reservation_ids: Sequence[str]) -> dict[str, dict[str, Progress]]:
    """The same for several at once; reservations without movements are absent."""
    found: dict[str, dict[str, Progress]] = {}
    for id, key, fulfilled, cancelled in await (await tx.execute(PROGRESS, (list(reservation_ids),))).fetchall():
        found.setdefault(id, {})[key] = Progress(fulfilled, cancelled)
    return found


def _movement(row: tuple[Any, ...]) -> Movement:
    number, kind, reference, key, lot, on_hand, reserved, committed, unavailable, reason, created_at = row
    sku, location = split_key(key)
    return Movement(
        number, kind, reference, sku, location, lot, on_hand, reserved, committed, unavailable, reason, created_at
    )
