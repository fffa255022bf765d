"""Use cases of reservations: the hot path. A refusal for lack of stock needs the gate alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from chassis import ids, requests
from chassis.db import Database, Tx
from chassis.errors import ServiceError
from chassis.gate.claims import GuardRefused, Reserved
from chassis.gate.journal import Become
from chassis.gate.model import Aborted, Claim, Refused, Reservation, Reused, ShortLine, Stale, WantedLine
from chassis.gate.partition import Partition
from inventory_svc.app import forced
from inventory_svc.app.locations import Locations
from inventory_svc.domain.errors import (
    InsufficientStock,
    ReservationAborted,
    ReservationEnded,
    ReservationNotFound,
    ReservationOwnedByAnother,
    Shortage,
    SkuNotFound,
)
from inventory_svc.domain.lines import BasketLine, canonical, merge
from inventory_svc.domain.model import Actor, Progress, level_key
from inventory_svc.store import movements, reservations, skus

LAPSE_FRESH_S = 1.0
"""Maximum age of the next lapse in a refusal: a burst of refusals costs one look a second."""
LAPSES_KEPT = 10_000
VERBS = {"COMMITTED": "commit", "RELEASED": "release", "EXTENDED": "extend"}


class Wish(NamedTuple):
    """A basket to reserve."""

    request_id: str
    lines: list[BasketLine]
    ttl_s: int
    owner: str


class Held(NamedTuple):
    """A reservation, the progress of its lines, and whether this answer repeats an earlier one."""

    reservation: Reservation
    progress: dict[str, Progress]
    replayed: bool = False


class Reservations:
    """Reserve, commit, release, extend, read."""

    def __init__(self, db: Database, partition: Partition, locations: Locations) -> None:
        self._db = db
        self._claims = partition.claims
        self._journal = partition.journal
        self._gate = partition.gate
        self._epochs = partition.epochs
        self._locations = locations
        self._lapses: dict[tuple[str, ...], tuple[float, datetime | None]] = {}

    async def reserve(self, wish: Wish) -> Held:
        """Holds all lines or none, durably. Raises InsufficientStock, SkuNotFound, LocationNotFound, REQUEST_ID_REUSED,
        ReservationEnded, ReservationAborted; a repeat returns the same reservation."""
        lines = merge(wish.lines)
        wanted = [WantedLine(await self._keys(line), line.quantity, line.allow_split) for line in lines]
        fingerprint = ids.fingerprint(canonical(lines, wish.owner, wish.ttl_s))
        claim = Claim(wish.request_id, fingerprint, tuple(wanted), wish.ttl_s * 1000, wish.owner)
        reserved = await self._claim(claim, lines)
        state = reserved.reservation.state
        if state in ("RELEASED", "EXPIRED"):
            raise ReservationEnded(wish.request_id, state)
        return Held(reserved.reservation, {}, reserved.replayed)

    async def settle(self, reservation_id: str, to: Become, actor: Actor, ttl_s: int = 0) -> Held:
        """Commits (COMMITTED), releases (RELEASED) or extends (EXTENDED). Raises ReservationNotFound,
        ReservationOwnedByAnother, ReservationEnded, ReservationAborted; a repeat changes nothing."""
        owner = None if actor.force_reason else actor.owner
        found, changed = await self._claims.settle(reservation_id, to, ttl_s * 1000, owner, actor.force_reason)
        if found is None:
            raise ReservationNotFound(reservation_id)
        if changed:
            if actor.force_reason:
                forced.note(reservation_id, VERBS[to], actor)
            return Held(found, {})
        if not actor.may_change(found.owner):
            raise ReservationOwnedByAnother(reservation_id)
        self._check_unmoved(found, to)
        return Held(found, {}, replayed=True)

    async def get(self, reservation_id: str) -> Held:
        """Raises ReservationNotFound."""
        found = (await self._journal.read([reservation_id])).get(reservation_id)
        if found is None:
            raise ReservationNotFound(reservation_id)
        if found.state != "COMMITTED":
            return Held(found, {})
        async with self._db.connection() as connection:
            return Held(found, await movements.progress(connection, reservation_id))

    async def get_many(self, reservation_ids: Sequence[str]) -> list[Held]:
        """The reservations that exist, by id."""
        async with self._db.connection() as connection:
            return await self._read(connection, reservation_ids)

    async def page(self, after: str, limit: int, state: str, owner_prefix: str) -> tuple[list[Held], str]:
        """The matches among the next `limit` reservations by id, and the last id that was read, empty at the end."""
        async with self._db.connection() as connection:
            ids, last = await reservations.page(connection, after, limit, state, owner_prefix)
            return await self._read(connection, ids), last

    async def _read(self, tx: Tx, ids: Sequence[str]) -> list[Held]:
        found = await self._journal.read_in(tx, ids)
        sold = [one.id for one in found.values() if one.state == "COMMITTED"]
        moved = await movements.progress_of(tx, sold) if sold else {}
        return [Held(one, moved.get(one.id, {})) for _, one in sorted(found.items())]

    async def _keys(self, line: BasketLine) -> tuple[str, ...]:
        names = line.locations or await self._locations.names()
        return tuple(level_key(line.sku, location) for location in names)

    async def _claim(self, claim: Claim, lines: list[BasketLine]) -> Reserved:
        named = {
            location: f"lines[{line.index}].locations[{place}]"
            for line in lines
            for place, location in enumerate(line.locations)
        }
        if named:
            await self._locations.check(named)
        try:
            return await self._claims.reserve(claim)
        except Refused as refused:
            raise await self._shortage(claim, lines, refused.short) from None
        except GuardRefused:
            every = tuple(ShortLine(index, 0, True) for index in range(len(lines)))
            raise await self._shortage(claim, lines, every) from None
        except Reused:
            raise requests.reused(claim.id) from None
        except Aborted:
            raise ReservationAborted(claim.id) from None

    async def _shortage(self, claim: Claim, lines: list[BasketLine], short: tuple[ShortLine, ...]) -> Exception:
        """INSUFFICIENT_STOCK, or SKU_NOT_FOUND when the gate has no counter for a line and its sku does not exist."""
        unknown = [lines[one.index] for one in short if not one.known]
        if unknown:
            async with self._db.connection() as connection:
                existing = await skus.existing(connection, [line.sku for line in unknown])
            for line in unknown:
                if line.sku not in existing:
                    return SkuNotFound(line.sku, f"lines[{line.index}].sku")
        wanted = [(lines[one.index], one.available) for one in short]
        shortages = tuple(Shortage(line.index, line.sku, line.quantity, available) for line, available in wanted)
        keys = tuple(key for one in short for key in claim.lines[one.index].keys)
        return InsufficientStock(shortages, await self._next_lapse(keys))

    async def _next_lapse(self, keys: tuple[str, ...]) -> datetime | None:
        """When the next reservation on these counters may lapse, if soon. It is a hint, so any failure gives None."""
        kept = self._lapses.get(keys)
        if kept and time.monotonic() - kept[0] < LAPSE_FRESH_S:
            return kept[1]
        if len(self._lapses) > LAPSES_KEPT:
            self._lapses.clear()
        self._lapses[keys] = (time.monotonic(), kept[1] if kept else None)
        try:
            due = [one for one in await self._gate.next_lapse(self._epochs.current, keys) if one]
        except (ServiceError, Stale):
            return None
        soonest = datetime.fromtimestamp(min(due) / 1000, UTC) if due else None
        self._lapses[keys] = (time.monotonic(), soonest)
        return soonest

    @staticmethod
    def _check_unmoved(found: Reservation, to: Become) -> None:
        """Accepts an unchanged reservation that is where the caller wanted it; raises otherwise."""
        if found.state == to:
            return
        if found.state == "ABORTED" and to == "RELEASED":
            return
        if found.state == "EXPIRED" and to == "RELEASED":
            return  # the caller's aim is reached: nothing is held any more
        if found.state == "ABORTED":
            raise ReservationAborted(found.id)
        raise ReservationEnded(found.id, found.state)
