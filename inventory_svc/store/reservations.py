"""SQL of reservations beyond the journal's functions: locking one while its goods leave, and pages."""

from __future__ import annotations

from typing import LiteralString, NamedTuple

from chassis.db import Tx

LOCK: LiteralString = "SELECT state, owner, lines FROM reservations WHERE id = %s FOR NO KEY UPDATE"

PAGE: LiteralString = """
SELECT id, (%(state)s = '' OR state = %(state)s) AND starts_with(owner, %(prefix)s)
  FROM reservations WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"""


class Locked(NamedTuple):
    """The fields that decide whether units of a reservation may move."""

    state: str
    owner: str
    quantities: dict[str, int]
    """Units per level key."""


async def page(tx: Tx, after: str, limit: int, state: str, owner_prefix: str) -> tuple[list[str], str]:
    """The ids that match among the next `limit` reservations, and the last id that was read, empty at the end."""
    values = {"after": after, "limit": limit, "state": state, "prefix": owner_prefix}
    rows = await (await tx.execute(PAGE, values)).fetchall()
    return [row[0] for row in rows if row[1]], rows[-1][0] if len(rows) == limit else ""


async def lock(tx: Tx, reservation_id: str) -> Locked | None:
    """Locks the reservation against other writers until the transaction ends; None when it is unknown."""
    row = await (await tx.execute(LOCK, (reservation_id,))).fetchone()
    if row is None:
        return None
    return Locked(row[0], row[1], {line["key"]: line["quantity"] for line in row[2]})
