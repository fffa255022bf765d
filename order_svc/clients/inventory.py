"""Inventory in this service's words: prices of skus, and the one reservation that an order has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import grpc

from chassis.together import Together
from gen.inventory.v1 import catalog_service_pb2, reservation_pb2, reservation_service_pb2
from gen.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from gen.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from order_svc.clients.answers import ask, batched
from order_svc.domain.errors import Refused, refused
from order_svc.domain.order import Allocation, Line
from order_svc.domain.pricing import SkuPrice

NAME = "inventory"
MOST_SKUS = 500
"""Skus in one BatchGetSkus."""
NO_SALE = frozenset({"RESERVATION_NOT_FOUND", "RESERVATION_NOT_COMMITTED"})
"""Reasons why CancelReservation has nothing to give back: never committed, or lost by inventory in a restore."""
LIVE = (reservation_pb2.Reservation.STATE_ACTIVE, reservation_pb2.Reservation.STATE_COMMITTED)


class Inventory:
    """The reservation's id is the order's id, so every call here is safe to repeat."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._catalog = CatalogServiceStub(channel)
        self._reservations = ReservationServiceStub(channel)
        self._prices = Together(self._prices_of, self._prices_of_all)
        pb, stub = reservation_service_pb2, self._reservations
        self._reserve = batched(
            NAME, stub.ReserveStock, stub.BatchReserveStock, pb.BatchReserveStockRequest, "reservation"
        )
        self._commit = batched(
            NAME, stub.CommitReservation, stub.BatchCommitReservations, pb.BatchCommitReservationsRequest, "reservation"
        )

    async def prices(self, skus: Sequence[str]) -> Mapping[str, SkuPrice]:
        """Prices of the skus that exist; concurrent orders share a call."""
        return await self._prices.call(skus)

    async def _prices_of(self, skus: Sequence[str]) -> Mapping[str, SkuPrice]:
        request = catalog_service_pb2.BatchGetSkusRequest(skus=skus)
        answer = await ask(NAME, self._catalog.BatchGetSkus, request)
        return {
            found.sku: SkuPrice(found.sku, found.name, found.category, found.price.currency, found.price.amount_minor)
            for found in answer.skus
        }

    async def _prices_of_all(self, carts: Sequence[Sequence[str]]) -> Sequence[Mapping[str, SkuPrice]]:
        wanted = list(dict.fromkeys(sku for skus in carts for sku in skus))
        found: dict[str, SkuPrice] = {}
        for start in range(0, len(wanted), MOST_SKUS):
            found.update(await self._prices_of(wanted[start : start + MOST_SKUS]))
        return [found] * len(carts)

    async def reserve(self, order_id: str, lines: tuple[Line, ...], ttl_s: int) -> Mapping[str, tuple[Allocation, ...]]:
        """Claims all lines or none. Returns where each sku's units come from."""
        request = reservation_service_pb2.ReserveStockRequest(
            request_id=order_id, owner=owner(order_id), ttl_seconds=ttl_s
        )
        for line in lines:
            request.lines.add(
                sku=line.sku,
                quantity=line.quantity,
                locations=[line.location] if line.location else None,
                allow_split=not line.location,
            )
        try:
            reservation = await self._reserve.call(request)
        except Refused as no:
            if no.reason != "REQUEST_ID_REUSED":
                raise Refused(replace(no.refusal, metadata=_as_given(no.refusal.metadata))) from no
            reservation = await self._earlier(order_id, lines, no)
        if reservation.state not in LIVE:
            raise _ended(order_id, reservation.state)
        allocations: dict[str, tuple[Allocation, ...]] = {}
        for part in reservation.lines:
            before = allocations.get(part.sku, ())
            allocations[part.sku] = (*before, Allocation(part.location, part.quantity))
        return allocations

    async def _earlier(self, order_id: str, lines: tuple[Line, ...], no: Refused) -> reservation_pb2.Reservation:
        """The order's own reservation, made with another request body: the setting for the bank's wait has changed since, or an
        earlier release wrote the owner in another form. Raises Refused when its units are not those of this order."""
        found = await self._read(order_id)
        wanted = Counter({line.sku: line.quantity for line in lines})
        held = Counter[str]()
        for part in found.lines:
            held[part.sku] += part.quantity
        if found.owner not in (owner(order_id), order_id) or held != wanted:
            raise no
        return found

    async def _read(self, order_id: str) -> reservation_pb2.Reservation:
        request = reservation_service_pb2.GetReservationRequest(reservation_id=order_id)
        reservation: reservation_pb2.Reservation = (
            await ask(NAME, self._reservations.GetReservation, request)
        ).reservation
        return reservation

    async def extend(self, order_id: str, ttl_s: int) -> None:
        """Extends the claim to `ttl_s` from now. Raises Refused with RESERVATION_COMMITTED when it is already a sale."""
        request = reservation_service_pb2.ExtendReservationRequest(
            reservation_id=order_id, request_id=order_id, ttl_seconds=ttl_s
        )
        await self._as_owner(partial(ask, NAME, self._reservations.ExtendReservation), request)

    async def commit(self, order_id: str) -> None:
        """Turns the claim into a sale: the saga's point of no return."""
        request = reservation_service_pb2.CommitReservationRequest(reservation_id=order_id, request_id=order_id)
        await self._as_owner(self._commit.call, request)

    async def release(self, order_id: str) -> None:
        """Releases the claim, or forbids one that has not arrived. Raises Refused with RESERVATION_COMMITTED for a sale."""
        request = reservation_service_pb2.ReleaseReservationRequest(reservation_id=order_id, request_id=order_id)
        await self._as_owner(partial(ask, NAME, self._reservations.ReleaseReservation), request)

    async def _as_owner(self, call: Callable[[Any], Awaitable[Any]], request: Any) -> Any:
        """Calls with the order as owner; with the owner's old form for a reservation of an earlier release."""
        request.owner = owner(request.reservation_id)
        try:
            return await call(request)
        except Refused as no:
            if no.reason != "RESERVATION_OWNED_BY_ANOTHER":
                raise
        request.owner = request.reservation_id
        return await call(request)

    async def cancel_sale(self, order_id: str) -> Mapping[str, int]:
        """Gives back all units of a sale that have not left; returns how many of each sku have. Nothing stays open.

        Inventory decides in its transaction which units are open: a unit that leaves at the same time has left or was
        cancelled, never both. Raises Refused with a reason of NO_SALE when there is no sale.
        """
        request = reservation_service_pb2.CancelReservationRequest(reservation_id=order_id)
        try:
            reservation = (await self._as_owner(self._cancel, request)).reservation
        except Refused as no:
            if no.reason != "QUANTITY_NOT_OPEN":
                raise
            reservation = await self._read(order_id)  # all units left or were given back before
        left = Counter[str]()
        for part in reservation.lines:
            left[part.sku] += part.fulfilled
        return +left

    async def _cancel(self, request: reservation_service_pb2.CancelReservationRequest) -> Any:
        request.request_id = f"{request.owner}:undo"  # another body needs another request_id
        return await ask(NAME, self._reservations.CancelReservation, request)


def owner(order_id: str) -> str:
    """The owner of an order's reservation, which only this service names."""
    return f"order:{order_id}"


def _as_given(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """An order's line has one `location`; in the request to inventory it is `locations[0]`."""
    if "field" not in metadata:
        return metadata
    return {**metadata, "field": metadata["field"].replace(".locations[0]", ".location")}


def _ended(order_id: str, state: reservation_pb2.Reservation.State.ValueType) -> Exception:
    word = reservation_pb2.Reservation.State.Name(state).removeprefix("STATE_")
    message = f"reservation {order_id} is {word}"
    return refused("FAILED_PRECONDITION", f"RESERVATION_{word}", message, reservation_id=order_id)
