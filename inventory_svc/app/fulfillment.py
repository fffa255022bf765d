"""Use cases after the sale: goods leave, or the sale is cancelled before they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from chassis import requests
from chassis.db import Database, Tx
from chassis.gate import journal
from chassis.gate.adjustments import Adjustments, Row
from chassis.gate.journal import Journal
from chassis.gate.model import Reservation
from chassis.requests import Request
from inventory_svc.app.stock import PARTITION
from inventory_svc.domain.errors import NoFitLot, QuantityNotOpen, ReservationNotCommitted, ReservationNotFound
from inventory_svc.domain.lots import pick
from inventory_svc.domain.model import LotPick, Progress, split_key
from inventory_svc.store import levels, locations, lots, movements, reservations
from inventory_svc.store.levels import Change


class Fulfillment:
    """Fulfils and cancels committed reservations, wholly or in part."""

    def __init__(self, db: Database, journal: Journal, adjustments: Adjustments) -> None:
        self._db = db
        self._journal = journal
        self._adjustments = adjustments

    async def fulfill(
        self,
        request: Request,
        reservation_id: str,
        wanted: Mapping[str, int],
        encode: Callable[[Reservation, dict[str, Progress], list[LotPick], datetime], bytes],
    ) -> tuple[bytes, bool]:
        """Goods leave, first-expired lots first; `wanted` (units per level key) empty means all that is open.

        ReservationNotFound, ReservationNotCommitted, QuantityNotOpen, NoFitLot. Availability does not change.
        """

        async def work(tx: Tx) -> bytes:
            await journal.enter(tx, PARTITION)
            leaving = await self._open(tx, reservation_id, wanted)
            picks: list[LotPick] = []
            for key in sorted(leaving):
                picks += await self._leave(tx, key, leaving[key], request.id, reservation_id)
            progress = await movements.progress(tx, reservation_id)
            return encode(await self._read(tx, reservation_id), progress, picks, datetime.now(UTC))

        return await requests.once(self._db, request, work)

    async def cancel(
        self,
        request: Request,
        reservation_id: str,
        wanted: Mapping[str, int],
        encode: Callable[[Reservation, dict[str, Progress]], bytes],
    ) -> tuple[bytes, bool]:
        """Gives committed units back to stock: journal, then gate. ReservationNotFound, ReservationNotCommitted,
        QuantityNotOpen."""
        noted: list[Row] = []

        async def work(tx: Tx) -> bytes:
            epoch = await journal.enter(tx, PARTITION)
            given = await self._open(tx, reservation_id, wanted)
            for key in sorted(given):
                await levels.lock(tx, key)
                back = Change("CANCEL", request.id, committed=-given[key], reservation_id=reservation_id)
                await levels.change(tx, key, [back])
            noted[:] = await self._adjustments.record(tx, epoch, given)
            return encode(await self._read(tx, reservation_id), await movements.progress(tx, reservation_id))

        answer = await requests.once(self._db, request, work)
        await self._adjustments.apply(noted)
        return answer

    async def _open(self, tx: Tx, reservation_id: str, wanted: Mapping[str, int]) -> dict[str, int]:
        """Holds the reservation; answers the units per level key to move, checked against what is open."""
        held = await reservations.lock(tx, reservation_id)
        if held is None:
            raise ReservationNotFound(reservation_id)
        state, quantities = held
        if state != "COMMITTED":
            raise ReservationNotCommitted(reservation_id, state)
        progress = await movements.progress(tx, reservation_id)
        still_open = {
            key: quantity - progress[key].fulfilled - progress[key].cancelled if key in progress else quantity
            for key, quantity in quantities.items()
        }
        asked = dict(wanted) or {key: quantity for key, quantity in still_open.items() if quantity}
        for key, quantity in asked.items():
            if quantity > still_open.get(key, 0):
                raise QuantityNotOpen(*split_key(key), quantity, still_open.get(key, 0))
        if not asked:
            key = next(iter(quantities))
            raise QuantityNotOpen(*split_key(key), quantities[key], 0)
        return asked

    async def _leave(self, tx: Tx, key: str, quantity: int, reference: str, reservation_id: str) -> list[LotPick]:
        sku, location = split_key(key)
        await levels.lock(tx, key)
        today = await locations.today(tx, location)
        picks = pick(await lots.of_key(tx, key), quantity, today or datetime.now(UTC).date())
        fit = sum(part for _, part in picks)
        if fit < quantity:
            raise NoFitLot(sku, location, fit)
        for lot, part in picks:
            await lots.remove(tx, key, lot, part)
        changes = [
            Change("FULFILL", reference, lot, on_hand=-part, committed=-part, reservation_id=reservation_id)
            for lot, part in picks
        ]
        await levels.change(tx, key, changes)
        return [LotPick(sku, location, lot, part) for lot, part in picks]

    async def _read(self, tx: Tx, reservation_id: str) -> Reservation:
        return (await self._journal.read_in(tx, [reservation_id]))[reservation_id]
