"""SQL of locations."""

from __future__ import annotations

from datetime import date
from typing import LiteralString

from chassis.db import Tx
from inventory_svc.domain.model import Location, LocationStock

INSERT: LiteralString = """
INSERT INTO locations (location, name, time_zone, priority) VALUES (%s, %s, %s, %s)
ON CONFLICT (location) DO NOTHING RETURNING location"""
ALL: LiteralString = "SELECT location, name, time_zone, priority FROM locations ORDER BY priority, location LIMIT 1000"
SUMS: LiteralString = """
SELECT l.location, l.name, l.time_zone, l.priority, count(s.key), coalesce(sum(s.on_hand), 0)::bigint,
       coalesce(sum(s.reserved), 0)::bigint, coalesce(sum(s.committed), 0)::bigint,
       coalesce(sum(s.unavailable), 0)::bigint
  FROM locations l LEFT JOIN stock_levels s USING (location)
 GROUP BY l.location ORDER BY l.priority, l.location LIMIT 1000"""
TODAY: LiteralString = "SELECT (now() AT TIME ZONE time_zone)::date FROM locations WHERE location = %s"
KNOWN_ZONE: LiteralString = "SELECT 1 FROM pg_timezone_names WHERE name = %s"


async def insert(tx: Tx, location: Location) -> bool:
    """Returns False when it already exists."""
    values = (location.location, location.name, location.time_zone, location.priority)
    return await (await tx.execute(INSERT, values)).fetchone() is not None


async def all_by_priority(tx: Tx) -> list[Location]:
    """All locations, in the order in which they are tried."""
    return [Location(*row) for row in await (await tx.execute(ALL)).fetchall()]


async def sums(tx: Tx) -> list[LocationStock]:
    """All locations with the sums of their levels."""
    return [LocationStock(Location(*row[:4]), *row[4:]) for row in await (await tx.execute(SUMS)).fetchall()]


async def today(tx: Tx, location: str) -> date | None:
    """The date there, by the journal's clock; None when there is no such location."""
    row = await (await tx.execute(TODAY, (location,))).fetchone()
    return None if row is None else row[0]


async def is_zone(tx: Tx, time_zone: str) -> bool:
    """Whether Postgres knows the zone; Postgres decides when a lot expires."""
    return await (await tx.execute(KNOWN_ZONE, (time_zone,))).fetchone() is not None
