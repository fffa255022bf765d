"""Inventory and promo as order_svc sees them over the wire: hand-written, stateful, idempotent, with planned failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from chassis.errors import ServiceError
from chassis.server import Server, Servicer
from gen.inventory.v1 import (
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    reservation_pb2,
    reservation_service_pb2,
    reservation_service_pb2_grpc,
)
from gen.promo.v1 import promotion_service_pb2, promotion_service_pb2_grpc, quote_pb2
from tests.order_svc.wire import FAILED, Wire, lost, refuses

__all__ = ["FAILED", "Wire", "lost", "refuses"]

ACTIVE, COMMITTED = reservation_pb2.Reservation.STATE_ACTIVE, reservation_pb2.Reservation.STATE_COMMITTED
RELEASED, ABORTED = reservation_pb2.Reservation.STATE_RELEASED, reservation_pb2.Reservation.STATE_ABORTED
EXPIRED = reservation_pb2.Reservation.STATE_EXPIRED
Uses = quote_pb2.Redemption


@dataclass
class FakeInventory:
    """Skus with a price, stock per sku, reservations by id."""

    wire: Wire = field(default_factory=Wire)
    prices: dict[str, tuple[int, str]] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    reservations: dict[str, reservation_pb2.Reservation] = field(default_factory=dict)
    ttls: dict[str, int] = field(default_factory=dict)
    cancels: dict[str, tuple[Any, reservation_pb2.Reservation]] = field(default_factory=dict)
    """Completed cancellations by request id: the request and its answer."""

    @property
    def methods(self) -> dict[str, Callable[[Any], Any]]:
        """Its methods by their gRPC names."""
        return {
            "BatchGetSkus": self.skus,
            "ReserveStock": self.reserve,
            "GetReservation": self.read,
            "ExtendReservation": self.extend,
            "CommitReservation": self.commit,
            "ReleaseReservation": self.release,
            "CancelReservation": self.cancel,
            "BatchGetReservations": self.read_many,
            "ListReservations": self.page,
        }

    def held(self, sku: str) -> int:
        """Units of live reservations, minus cancelled ones."""
        return sum(
            line.quantity - line.cancelled
            for reservation in self.reservations.values()
            if reservation.state in (ACTIVE, COMMITTED)
            for line in reservation.lines
            if line.sku == sku
        )

    def skus(self, request: Any) -> catalog_service_pb2.BatchGetSkusResponse:
        answer = catalog_service_pb2.BatchGetSkusResponse()
        for sku in request.skus:
            if sku not in self.prices:
                answer.missing.append(sku)
                continue
            amount, currency = self.prices[sku]
            found = answer.skus.add(sku=sku, name=f"Name of {sku}", category="skincare/serum")
            found.price.amount_minor = amount
            found.price.currency = currency
        return answer

    def reserve(self, request: Any) -> reservation_service_pb2.ReserveStockResponse:
        known = self.reservations.get(request.request_id)
        if known is not None and known.state == ABORTED:
            raise ServiceError(grpc.StatusCode.ABORTED, "RESERVATION_ABORTED", "tombstone")
        if known is not None and (known.owner, self.ttls[request.request_id]) != (request.owner, request.ttl_seconds):
            code = grpc.StatusCode.INVALID_ARGUMENT
            raise ServiceError(code, "REQUEST_ID_REUSED", "another body", {"request_id": request.request_id})
        if known is not None:
            return reservation_service_pb2.ReserveStockResponse(reservation=known, replayed=True)
        for index, line in enumerate(request.lines):
            available = self.stock.get(line.sku, 0) - self.held(line.sku)
            if available < line.quantity:
                raise refuses(
                    "INSUFFICIENT_STOCK",
                    **{
                        "lines": str(index),
                        f"lines[{index}].sku": line.sku,
                        f"lines[{index}].available": str(available),
                    },
                )
        made = reservation_pb2.Reservation(reservation_id=request.request_id, state=ACTIVE, owner=request.owner)
        for line in request.lines:
            made.lines.add(sku=line.sku, location=(list(line.locations) or ["berlin"])[0], quantity=line.quantity)
        self.reservations[request.request_id] = made
        self.ttls[request.request_id] = request.ttl_seconds
        return reservation_service_pb2.ReserveStockResponse(reservation=made)

    def read(self, request: Any) -> reservation_service_pb2.GetReservationResponse:
        if request.reservation_id not in self.reservations:
            raise ServiceError(grpc.StatusCode.NOT_FOUND, "RESERVATION_NOT_FOUND", "unknown")
        return reservation_service_pb2.GetReservationResponse(reservation=self.reservations[request.reservation_id])

    def read_many(self, request: Any) -> reservation_service_pb2.BatchGetReservationsResponse:
        found = [self.reservations[id] for id in request.reservation_ids if id in self.reservations]
        return reservation_service_pb2.BatchGetReservationsResponse(reservations=found)

    def page(self, request: Any) -> reservation_service_pb2.ListReservationsResponse:
        ids = sorted(id for id in self.reservations if id > request.page_token)[: request.page_size]
        found = [self.reservations[id] for id in ids]
        return reservation_service_pb2.ListReservationsResponse(
            reservations=[
                one for one in found if one.state == request.state and one.owner.startswith(request.owner_prefix)
            ],
            next_page_token=ids[-1] if len(ids) == request.page_size else "",
        )

    def extend(self, request: Any) -> reservation_service_pb2.ExtendReservationResponse:
        found = self._live(request)
        if found.state == COMMITTED:
            raise refuses("RESERVATION_COMMITTED")
        return reservation_service_pb2.ExtendReservationResponse(reservation=found)

    def commit(self, request: Any) -> reservation_service_pb2.CommitReservationResponse:
        found = self._live(request)
        found.state = COMMITTED
        return reservation_service_pb2.CommitReservationResponse(reservation=found)

    def _live(self, request: Any) -> reservation_pb2.Reservation:
        found = self.reservations.get(request.reservation_id)
        if found is None:
            raise ServiceError(grpc.StatusCode.NOT_FOUND, "RESERVATION_NOT_FOUND", "unknown")
        _own(found, request)
        if found.state not in (ACTIVE, COMMITTED):
            word = reservation_pb2.Reservation.State.Name(found.state).removeprefix("STATE_")
            code = grpc.StatusCode.ABORTED if found.state == ABORTED else FAILED
            raise ServiceError(code, f"RESERVATION_{word}", word.lower())
        return found

    def release(self, request: Any) -> reservation_service_pb2.ReleaseReservationResponse:
        tombstone = reservation_pb2.Reservation(
            reservation_id=request.reservation_id, state=ABORTED, owner=request.owner
        )
        found = self.reservations.setdefault(request.reservation_id, tombstone)
        _own(found, request)
        if found.state == COMMITTED:
            raise refuses("RESERVATION_COMMITTED")
        if found.state == ACTIVE:
            found.state = RELEASED
        return reservation_service_pb2.ReleaseReservationResponse(reservation=found)

    def cancel(self, request: Any) -> reservation_service_pb2.CancelReservationResponse:
        if request.request_id in self.cancels:
            body, answer = self.cancels[request.request_id]
            if body != request:
                raise ServiceError(grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED", "another body")
            return reservation_service_pb2.CancelReservationResponse(reservation=answer, replayed=True)
        found = self.reservations.get(request.reservation_id)
        if found is None:
            raise ServiceError(grpc.StatusCode.NOT_FOUND, "RESERVATION_NOT_FOUND", "unknown")
        _own(found, request)
        if found.state != COMMITTED:
            raise refuses("RESERVATION_NOT_COMMITTED")
        wanted = {(line.sku, line.location): line.quantity for line in request.lines}
        if not any(map(_open, found.lines)):
            raise refuses("QUANTITY_NOT_OPEN")
        for line in found.lines:
            if wanted.get((line.sku, line.location), 0) > _open(line):
                raise refuses("QUANTITY_NOT_OPEN", sku=line.sku)
        for line in found.lines:
            line.cancelled += wanted.get((line.sku, line.location), 0) if wanted else _open(line)
        kept = reservation_pb2.Reservation()
        kept.CopyFrom(found)
        self.cancels[request.request_id] = (request, kept)
        return reservation_service_pb2.CancelReservationResponse(reservation=kept)

    def leave(self, reservation_id: str, sku: str, units: int) -> None:
        """Ships goods, at most the units that are still open."""
        self._move(reservation_id, sku, units, "fulfilled")

    def give_back(self, reservation_id: str, sku: str, units: int) -> None:
        """Returns goods to sale without the order's knowledge."""
        self._move(reservation_id, sku, units, "cancelled")

    def _move(self, reservation_id: str, sku: str, units: int, end: str) -> None:
        [line] = [line for line in self.reservations[reservation_id].lines if line.sku == sku]
        setattr(line, end, getattr(line, end) + min(units, _open(line)))


def _open(line: reservation_pb2.ReservationLine) -> int:
    return line.quantity - line.fulfilled - line.cancelled


def _own(found: reservation_pb2.Reservation, request: Any) -> None:
    if found.owner not in ("", request.owner) and not request.force_reason:
        raise refuses("RESERVATION_OWNED_BY_ANOTHER", reservation_id=found.reservation_id)


@dataclass
class FakePromotions:
    """Codes that take basis points off every line, with a limit of uses; redemptions by id."""

    wire: Wire = field(default_factory=Wire)
    codes: dict[str, int] = field(default_factory=dict)
    skips: dict[str, int] = field(default_factory=dict)
    """Known codes that do not apply, with the reason."""
    limits: dict[str, int] = field(default_factory=dict)
    redemptions: dict[str, quote_pb2.Redemption] = field(default_factory=dict)

    @property
    def methods(self) -> dict[str, Callable[[Any], Any]]:
        """Its methods by their gRPC names."""
        return {
            "QuotePromotions": self.quote,
            "RedeemPromotions": self.redeem,
            "CommitRedemption": self.commit,
            "ReleaseRedemption": self.release,
            "BatchGetRedemptions": self.read_many,
        }

    def used(self, code: str) -> int:
        """Uses claimed or committed."""
        live = (Uses.STATE_ACTIVE, Uses.STATE_COMMITTED)
        return sum(1 for each in self.redemptions.values() if each.state in live and code in each.promotion_ids)

    def read_many(self, request: Any) -> promotion_service_pb2.BatchGetRedemptionsResponse:
        found = [self.redemptions[id] for id in request.redemption_ids if id in self.redemptions]
        return promotion_service_pb2.BatchGetRedemptionsResponse(redemptions=found)

    def quote(self, request: Any) -> promotion_service_pb2.QuotePromotionsResponse:
        quote = quote_pb2.Quote()
        for line in request.cart.lines:
            subtotal = line.quantity * line.unit_price_minor
            quoted = quote.lines.add(sku=line.sku, quantity=line.quantity, subtotal_minor=subtotal)
            for code in request.cart.codes:
                if code in self.codes:
                    off = (subtotal * self.codes[code] + 5000) // 10000
                    quoted.discounts.add(promotion_id=code, amount_minor=off)
        for code in request.cart.codes:
            if code in self.codes:
                amount = sum(d.amount_minor for line in quote.lines for d in line.discounts if d.promotion_id == code)
                applied = quote.applied.add(promotion_id=code, name=f"Name of {code}", code=code)
                applied.amount.amount_minor = amount
            else:
                reason = self.skips.get(code, quote_pb2.SkippedPromotion.REASON_CODE_UNKNOWN)
                quote.skipped.add(code=code, reason=reason)
        return promotion_service_pb2.QuotePromotionsResponse(quote=quote)

    def redeem(self, request: Any) -> promotion_service_pb2.RedeemPromotionsResponse:
        known = self.redemptions.get(request.request_id)
        if known is not None and known.state == Uses.STATE_ABORTED:
            raise ServiceError(grpc.StatusCode.ABORTED, "REDEMPTION_ABORTED", "tombstone")
        if known is not None:
            return promotion_service_pb2.RedeemPromotionsResponse(redemption=known, replayed=True)
        for code in request.promotion_ids:
            if self.used(code) >= self.limits.get(code, 10**9):
                raise refuses("USAGE_LIMIT", promotion_id=code)
        made = Uses(
            redemption_id=request.request_id, state=Uses.STATE_ACTIVE, promotion_ids=list(request.promotion_ids)
        )
        self.redemptions[request.request_id] = made
        return promotion_service_pb2.RedeemPromotionsResponse(redemption=made)

    def commit(self, request: Any) -> promotion_service_pb2.CommitRedemptionResponse:
        found = self.redemptions.get(request.redemption_id)
        if found is None:
            raise ServiceError(grpc.StatusCode.NOT_FOUND, "REDEMPTION_NOT_FOUND", "unknown")
        if found.state not in (Uses.STATE_ACTIVE, Uses.STATE_COMMITTED):
            word = Uses.State.Name(found.state).removeprefix("STATE_")
            raise refuses(f"REDEMPTION_{word}")
        found.state = Uses.STATE_COMMITTED
        return promotion_service_pb2.CommitRedemptionResponse(redemption=found)

    def release(self, request: Any) -> promotion_service_pb2.ReleaseRedemptionResponse:
        tombstone = Uses(redemption_id=request.redemption_id, state=Uses.STATE_ABORTED)
        found = self.redemptions.setdefault(request.redemption_id, tombstone)
        if found.state == Uses.STATE_ACTIVE:
            found.state = Uses.STATE_RELEASED
        if found.state == Uses.STATE_COMMITTED:
            found.state = Uses.STATE_CANCELLED
        return promotion_service_pb2.ReleaseRedemptionResponse(redemption=found)


BATCHES: dict[str, tuple[str, Any, Any, str]] = {
    "BatchReserveStock": (
        "ReserveStock",
        reservation_service_pb2.BatchReserveStockResponse,
        reservation_service_pb2.ReserveResult,
        "reservation",
    ),
    "BatchCommitReservations": (
        "CommitReservation",
        reservation_service_pb2.BatchCommitReservationsResponse,
        reservation_service_pb2.ReserveResult,
        "reservation",
    ),
    "BatchQuotePromotions": (
        "QuotePromotions",
        promotion_service_pb2.BatchQuotePromotionsResponse,
        promotion_service_pb2.QuoteResult,
        "quote",
    ),
    "BatchRedeemPromotions": (
        "RedeemPromotions",
        promotion_service_pb2.BatchRedeemPromotionsResponse,
        promotion_service_pb2.RedemptionResult,
        "redemption",
    ),
    "BatchCommitRedemptions": (
        "CommitRedemption",
        promotion_service_pb2.BatchCommitRedemptionsResponse,
        promotion_service_pb2.RedemptionResult,
        "redemption",
    ),
}
"""The single method behind each batch method."""


class _Served:
    """A fake's methods as a servicer; those that order_svc never calls refuse."""

    def __init__(self, fake: FakeInventory | FakePromotions) -> None:
        self._fake = fake

    def __getattr__(self, name: str) -> Any:
        work = self._fake.methods.get(name, _refuse)

        async def serve(request: Any, _context: Any) -> Any:
            return await self._fake.wire.carry(name, lambda: work(request))

        async def serve_batch(request: Any, context: Any) -> Any:
            single, answer_type, result_type, field = BATCHES[name]
            results = []
            for each in request.requests:
                try:
                    answer = await getattr(self, single)(each, context)
                except ServiceError as no:
                    code = no.code.value[0]
                    results.append(result_type(code=code, reason=no.reason, message=no.message, metadata=no.metadata))
                else:
                    results.append(result_type(**{field: getattr(answer, field)}))
            return answer_type(results=results)

        return serve_batch if name in BATCHES else serve


def _refuse(_request: Any) -> Any:
    raise ServiceError(grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED", "not of this fake")


async def serve(inventory: FakeInventory, promotions: FakePromotions) -> Server:
    """Both behind one port of this process."""
    fakes: list[tuple[Any, Any, str, FakeInventory | FakePromotions]] = [
        (catalog_service_pb2, catalog_service_pb2_grpc, "CatalogService", inventory),
        (reservation_service_pb2, reservation_service_pb2_grpc, "ReservationService", inventory),
        (promotion_service_pb2, promotion_service_pb2_grpc, "PromotionService", promotions),
    ]
    servicers = [Servicer(pb, stubs, name, _Served(fake)) for pb, stubs, name, fake in fakes]
    server = Server("127.0.0.1:0", servicers, {}, _always)
    await server.start()
    return server


async def _always() -> bool:
    return True
