"""Use cases that change stock by hand: receive, adjust, set. Journal first, then gate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date

from chassis import requests
from chassis.db import Database, Tx
from chassis.gate import journal
from chassis.gate.adjustments import Adjustments, Row
from chassis.requests import Request
from inventory_svc.domain.errors import (
    MOST_ON_HAND,
    LevelTooHigh,
    LocationNotFound,
    LotDatesDiffer,
    LotNotFound,
    LotRequired,
    OnHandNegative,
    SkuNotFound,
    VersionStale,
)
from inventory_svc.domain.lots import LotStock, is_usable, remove
from inventory_svc.domain.model import Level, level_key
from inventory_svc.store import levels, locations, lots, skus
from inventory_svc.store.levels import Change

PARTITION = 0


@dataclass(frozen=True)
class Receipt:
    """Goods that came in."""

    sku: str
    location: str
    quantity: int
    lot: str
    manufactured: date | None
    expires: date | None
    reason: str


@dataclass(frozen=True)
class Target:
    """The values that a level (or one lot of it) is set to."""

    on_hand: int | None
    backorder_limit: int | None
    expected_version: int | None
    lot: str
    reason: str


class Stock:
    """Changes levels by hand. Each change is one transaction; the gate is updated right after."""

    def __init__(self, db: Database, adjustments: Adjustments) -> None:
        self._db = db
        self._adjustments = adjustments

    async def receive(self, request: Request, receipt: Receipt, encode: Callable[[Level], bytes]) -> tuple[bytes, bool]:
        """Raises SkuNotFound, LocationNotFound, LotDatesDiffer, LevelTooHigh."""

        async def change(tx: Tx, key: str, today: date) -> list[Change]:
            await lots.insert(tx, receipt.sku, receipt.lot, receipt.manufactured, receipt.expires)
            known = await lots.dates(tx, receipt.sku, receipt.lot)
            given = (receipt.manufactured, receipt.expires)
            if known is not None and known != given and given != (None, None):
                raise LotDatesDiffer(receipt.lot, *known)
            there = {one.lot: one for one in await lots.of_key(tx, key)}
            fresh = LotStock(receipt.lot, 0, None, known[1] if known else None)
            expired = there[receipt.lot].expired if receipt.lot in there else not is_usable(fresh, today)
            return [await _grow(tx, key, receipt.sku, receipt.lot, receipt.quantity, expired, "RECEIVE", request.id)]

        return await self._once(request, receipt.sku, receipt.location, receipt.reason, change, encode)

    async def adjust(
        self,
        request: Request,
        sku: str,
        location: str,
        lot: str,
        delta: int,
        reason: str,
        encode: Callable[[Level], bytes],
    ) -> tuple[bytes, bool]:
        """Raises SkuNotFound, LocationNotFound, LotNotFound, LotRequired, OnHandNegative, LevelTooHigh. A count may
        cause a shortfall."""

        async def change(tx: Tx, key: str, _today: date) -> list[Change]:
            return [await _move_lot(tx, key, sku, location, lot, delta, "ADJUST", request.id)]

        return await self._once(request, sku, location, reason, change, encode)

    async def set(
        self, request: Request, sku: str, location: str, target: Target, encode: Callable[[Level], bytes]
    ) -> tuple[bytes, bool]:
        """Raises VersionStale, SkuNotFound, LocationNotFound, LotNotFound, LevelTooHigh."""

        async def change(tx: Tx, key: str, _today: date) -> list[Change]:
            level = await levels.lock(tx, key)
            version = level.version if level else 0
            if target.expected_version is not None and target.expected_version != version:
                raise VersionStale(str(target.expected_version), str(version))
            changes = await _to_on_hand(tx, key, sku, location, target, request.id)
            if target.backorder_limit is not None and level is not None:
                more = target.backorder_limit - level.backorder_limit
                if more:
                    changes.append(Change("BACKORDER_LIMIT", request.id, backorder_limit=more))
            return changes or [Change("SET", request.id)]

        return await self._once(request, sku, location, target.reason, change, encode)

    async def _once(
        self,
        request: Request,
        sku: str,
        location: str,
        reason: str,
        change: Callable[[Tx, str, date], Awaitable[list[Change]]],
        encode: Callable[[Level], bytes],
    ) -> tuple[bytes, bool]:
        """Every change: blocks a rebuild, checks sku and location, locks the level, changes it, notes it for the gate."""
        noted: list[Row] = []

        async def work(tx: Tx) -> bytes:
            epoch = await journal.enter(tx, PARTITION)
            today = await _check(tx, sku, location)
            await levels.open_level(tx, sku, location)
            key = level_key(sku, location)
            held = await levels.lock(tx, key)
            changes = await change(tx, key, today)
            more = sum(one.on_hand for one in changes)
            if held is not None and more > 0 and held.on_hand + more > MOST_ON_HAND:
                raise LevelTooHigh(sku, location, held.on_hand, more)
            changes = [replace(one, reason=reason) for one in changes]
            level = await levels.change(tx, key, changes)
            noted[:] = await self._adjustments.record(tx, epoch, {key: sum(one.takeable for one in changes)})
            return encode(level)

        answer = await requests.once(self._db, request, work)
        await self._adjustments.apply(noted)
        return answer


async def _check(tx: Tx, sku: str, location: str) -> date:
    """Checks that sku and location exist; returns the date in that location."""
    if sku not in await skus.existing(tx, [sku]):
        raise SkuNotFound(sku, "sku")
    today = await locations.today(tx, location)
    if today is None:
        raise LocationNotFound(location, "location")
    return today


async def _grow(
    tx: Tx, key: str, sku: str, lot: str, quantity: int, expired: bool, kind: str, reference: str
) -> Change:
    """Adds units to a lot; those of an expired lot are on hand but unavailable."""
    await lots.add(tx, key, sku, lot, quantity, expired)
    return Change(kind, reference, lot, on_hand=quantity, unavailable=quantity if expired else 0)


async def _move_lot(
    tx: Tx, key: str, sku: str, location: str, lot: str, delta: int, kind: str, reference: str
) -> Change:
    """Changes one lot by `delta`. The unnamed lot is created when units without a lot are found."""
    there = {one.lot: one for one in await lots.of_key(tx, key)}
    found = there.get(lot)
    if found is None and lot and (delta < 0 or await lots.dates(tx, sku, lot) is None):
        raise LotNotFound(sku, lot)
    on_hand = found.on_hand if found else 0
    if on_hand + delta < 0:
        named = [(one.lot, one.on_hand) for one in there.values() if one.lot and one.on_hand]
        if named and not lot:
            raise LotRequired(sku, location, on_hand, named)
        raise OnHandNegative(sku, location, on_hand)
    expired = bool(found and found.expired)
    if delta >= 0:
        if not lot:
            await lots.insert(tx, sku, "", None, None)
        return await _grow(tx, key, sku, lot, delta, expired, kind, reference)
    await lots.remove(tx, key, lot, -delta)
    return Change(kind, reference, lot, on_hand=delta, unavailable=delta if expired else 0)


async def _to_on_hand(tx: Tx, key: str, sku: str, location: str, target: Target, reference: str) -> list[Change]:
    """The changes that bring a lot, or the whole level, to the counted number."""
    if target.on_hand is None:
        return []
    there = await lots.of_key(tx, key)
    if target.lot:
        now = sum(one.on_hand for one in there if one.lot == target.lot)
        return [await _move_lot(tx, key, sku, location, target.lot, target.on_hand - now, "SET", reference)]
    delta = target.on_hand - sum(one.on_hand for one in there)
    if delta >= 0:
        return [await _move_lot(tx, key, sku, location, "", delta, "SET", reference)] if delta else []
    return [
        await _move_lot(tx, key, sku, location, lot.lot, -part, "SET", reference) for lot, part in remove(there, -delta)
    ]
