"""Use cases of locations, and the cache of their names for the hot path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from chassis import errors, patience, requests
from chassis.db import Database, Tx
from chassis.requests import Request
from inventory_svc.domain.errors import LocationNotFound, LocationTaken
from inventory_svc.domain.model import Location, LocationStock
from inventory_svc.store import locations

FRESH_S = 1.0
"""Reservations may use a list of locations this old; after this time a new location is usable everywhere."""


class Locations:
    """Creates and lists locations."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: tuple[str, ...] = ()
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def create(
        self, request: Request, location: Location, encode: Callable[[Location], bytes]
    ) -> tuple[bytes, bool]:
        """Raises LocationTaken when it exists, INVALID_ARGUMENT when the time zone is unknown."""

        async def work(tx: Tx) -> bytes:
            if not await locations.is_zone(tx, location.time_zone):
                raise errors.invalid("location.time_zone", "FIELD_INVALID", "is not an IANA time zone")
            if not await locations.insert(tx, location):
                raise LocationTaken(location.location)
            return encode(location)

        answer = await requests.once(self._db, request, work)
        self._read_at = float("-inf")
        return answer

    async def with_sums(self) -> list[LocationStock]:
        """All locations with the sums of their levels."""
        async with self._db.connection() as connection:
            return await locations.sums(connection)

    async def names(self) -> tuple[str, ...]:
        """All locations by priority; at most a second old."""
        if time.monotonic() - self._read_at > FRESH_S:
            await self._refresh()
        return self._known

    async def check(self, wanted: Mapping[str, str]) -> None:
        """Raises LocationNotFound for the first that does not exist. `wanted` maps a location to the field that names it."""
        if wanted.keys() <= set(await self.names()):
            return
        await self._refresh()
        for location, field in wanted.items():
            if location not in self._known:
                raise LocationNotFound(location, field)

    async def _refresh(self) -> None:
        """Runs one read at a time for all callers; a caller that gives up does not stop it for the others."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        async with self._db.connection() as connection:
            with patience.of(patience.READ_S):
                known = await locations.all_by_priority(connection)
        self._known = tuple(one.location for one in known)
        self._read_at = time.monotonic()
