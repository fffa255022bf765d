"""SQL of reservations beyond the journal's functions: holding one while its goods leave."""

from __future__ import annotations

from typing import LiteralString, NamedTuple

from chassis.db import Tx

LOCK: LiteralString = "SELECT state, owner, lines FROM reservations WHERE id = %s FOR NO KEY UPDATE"


class Locked(NamedTuple):
    """What decides whether units of a reservation may move."""

    state: str
    owner: str
    quantities: dict[str, int]
    """Units per level key."""


async def lock(tx: Tx, reservation_id: str) -> Locked | None:
    """Holds the reservation against other writers until the transaction ends; None when it is unknown."""
    row = await (await tx.execute(LOCK, (reservation_id,))).fetchone()
    if row is None:
        return None
    return Locked(row[0], row[1], {line["key"]: line["quantity"] for line in row[2]})
