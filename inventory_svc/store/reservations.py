"""SQL of reservations beyond the journal's functions: holding one while its goods leave."""

from __future__ import annotations

from typing import LiteralString

from chassis.db import Tx

LOCK: LiteralString = "SELECT state, lines FROM reservations WHERE id = %s FOR NO KEY UPDATE"


async def lock(tx: Tx, reservation_id: str) -> tuple[str, dict[str, int]] | None:
    """State and units per level key, held against other writers until the transaction ends; None when unknown."""
    row = await (await tx.execute(LOCK, (reservation_id,))).fetchone()
    if row is None:
        return None
    return row[0], {line["key"]: line["quantity"] for line in row[1]}
