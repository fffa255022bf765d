"""Whether the database takes writes."""

from __future__ import annotations

from chassis.db import Database


async def writable(db: Database) -> bool:
    """Returns False on a standby; raises when the database does not answer."""
    async with db.connection() as connection:
        row = await (await connection.execute("SELECT NOT pg_is_in_recovery()")).fetchone()
    return row is not None and bool(row[0])
