"""Use cases after the sale: goods leave, or the sale is cancelled before they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from chassis import requests
from chassis.db import Database, Tx
from chassis.events import outbox
from chassis.gate import journal
from chassis.gate.adjustments import Adjustments, Row
from chassis.gate.journal import Journal
from chassis.gate.model import Reservation
from chassis.requests import Request
from inventory_svc.app import forced
from inventory_svc.app.stock import PARTITION
from inventory_svc.domain.errors import (
    NoFitLot,
    QuantityNotOpen,
    ReservationNotCommitted,
    ReservationNotFound,
    ReservationOwnedByAnother,
)
from inventory_svc.domain.lots import pick
from inventory_svc.domain.model import Actor, LotPick, Progress, split_key
from inventory_svc.store import events, levels, locations, lots, movements, reservations
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
        actor: Actor,
        encode: Callable[[Reservation, dict[str, Progress], list[LotPick], datetime], bytes],
    ) -> tuple[bytes, bool]:
        """Takes goods out of stock, first-expired lots first. An empty `wanted` (units per level key) means all open units.

        Raises ReservationNotFound, ReservationOwnedByAnother, ReservationNotCommitted, QuantityNotOpen, NoFitLot.
        Availability does not change.
        """

        async def work(tx: Tx) -> bytes:
            await journal.enter(tx, PARTITION)
            leaving = await self._open(tx, reservation_id, wanted, actor)
            picks: list[LotPick] = []
            for key in sorted(leaving):
                part = Change("FULFILL", request.id, reservation_id=reservation_id, reason=actor.force_reason)
                picks += await self._leave(tx, key, leaving[key], part)
            reservation, progress = await self._moved(tx, "fulfilled", reservation_id, actor)
            return encode(reservation, progress, picks, datetime.now(UTC))

        return self._noted(await requests.once(self._db, request, work), reservation_id, "fulfill", actor)

    async def cancel(
        self,
        request: Request,
        reservation_id: str,
        wanted: Mapping[str, int],
        actor: Actor,
        encode: Callable[[Reservation, dict[str, Progress]], bytes],
    ) -> tuple[bytes, bool]:
        """Gives committed units back to stock: journal, then gate. Raises ReservationNotFound,
        ReservationOwnedByAnother, ReservationNotCommitted, QuantityNotOpen."""
        noted: list[Row] = []

        async def work(tx: Tx) -> bytes:
            epoch = await journal.enter(tx, PARTITION)
            given = await self._open(tx, reservation_id, wanted, actor)
            for key in sorted(given):
                await levels.lock(tx, key)
                back = Change("CANCEL", request.id, reservation_id=reservation_id, reason=actor.force_reason)
                await levels.change(tx, key, [replace(back, committed=-given[key])])
            noted[:] = await self._adjustments.record(tx, epoch, given)
            return encode(*await self._moved(tx, "cancelled", reservation_id, actor))

        answer = await requests.once(self._db, request, work)
        await self._adjustments.apply(noted)
        return self._noted(answer, reservation_id, "cancel", actor)

    async def _open(self, tx: Tx, reservation_id: str, wanted: Mapping[str, int], actor: Actor) -> dict[str, int]:
        """Locks the reservation; returns the units to move per level key, checked against the open units."""
        held = await reservations.lock(tx, reservation_id)
        if held is None:
            raise ReservationNotFound(reservation_id)
        state, owner, quantities = held
        if not actor.may_change(owner):
            raise ReservationOwnedByAnother(reservation_id)
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

    async def _leave(self, tx: Tx, key: str, quantity: int, leaving: Change) -> list[LotPick]:
        sku, location = split_key(key)
        await levels.lock(tx, key)
        today = await locations.today(tx, location)
        picks = pick(await lots.of_key(tx, key), quantity, today or datetime.now(UTC).date())
        fit = sum(part for _, part in picks)
        if fit < quantity:
            raise NoFitLot(sku, location, fit)
        for lot, part in picks:
            await lots.remove(tx, key, lot, part)
        changes = [replace(leaving, lot=lot, on_hand=-part, committed=-part) for lot, part in picks]
        await levels.change(tx, key, changes)
        return [LotPick(sku, location, lot, part) for lot, part in picks]

    async def _moved(
        self, tx: Tx, kind: str, reservation_id: str, actor: Actor
    ) -> tuple[Reservation, dict[str, Progress]]:
        """Writes the event; returns the reservation after the change and the progress of its lines."""
        reservation = (await self._journal.read_in(tx, [reservation_id]))[reservation_id]
        progress = await movements.progress(tx, reservation_id)
        payload = events.reservation_changed(reservation, progress, actor.force_reason)
        await outbox.put(tx, type=f"inventory.reservation.{kind}", key=reservation_id, payload=payload)
        return reservation, progress

    @staticmethod
    def _noted(answer: tuple[bytes, bool], reservation_id: str, verb: str, actor: Actor) -> tuple[bytes, bool]:
        """Records a forced change, once: a repeat changes nothing."""
        if actor.force_reason and not answer[1]:
            forced.note(reservation_id, verb, actor)
        return answer
