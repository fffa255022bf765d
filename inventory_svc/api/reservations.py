"""inventory.v1.ReservationService: messages in, use case, messages out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeAlias

import grpc

from chassis import bounds_check, errors, pagination, requests, timestamps
from chassis.interceptors.errors import to_service_error
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1 import reservation_service_pb2_grpc as pb_grpc
from inventory_svc.api import convert
from inventory_svc.api.errors import TABLE
from inventory_svc.app.fulfillment import Fulfillment
from inventory_svc.app.reservations import Held, Reservations

LOOKED_AT = 50
"""Page size of a request that gives none."""
Rpc: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
MOST_BATCH_LINES = 2_000
"""Lines of all reservations of a batch together."""


class ReservationServicer(pb_grpc.ReservationServiceServicer):
    """See the proto for what each method promises."""

    def __init__(self, reservations: Reservations, fulfillment: Fulfillment) -> None:
        self._reservations = reservations
        self._fulfillment = fulfillment

    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Rpc) -> pb.ReserveStockResponse:
        held = await self._reservations.reserve(convert.wish_from(request))
        return pb.ReserveStockResponse(reservation=convert.held_to(held), replayed=held.replayed)

    async def BatchReserveStock(
        self,
        request: pb.BatchReserveStockRequest,
        context: Rpc,
    ) -> pb.BatchReserveStockResponse:
        lines = sum(len(one.lines) for one in request.requests)
        if lines > MOST_BATCH_LINES:
            what = f"must have at most {MOST_BATCH_LINES} lines together, not {lines}"
            raise errors.invalid("requests", "FIELD_INVALID", what)
        wishes = [convert.wish_from(one) for one in request.requests]
        results = await asyncio.gather(*(self._result(self._reservations.reserve(wish)) for wish in wishes))
        return pb.BatchReserveStockResponse(results=results)

    async def CommitReservation(
        self,
        request: pb.CommitReservationRequest,
        context: Rpc,
    ) -> pb.CommitReservationResponse:
        held = await self._commit(request)
        return pb.CommitReservationResponse(reservation=convert.held_to(held), replayed=held.replayed)

    async def BatchCommitReservations(
        self,
        request: pb.BatchCommitReservationsRequest,
        context: Rpc,
    ) -> pb.BatchCommitReservationsResponse:
        results = await asyncio.gather(*(self._result(self._commit_one(one)) for one in request.requests))
        return pb.BatchCommitReservationsResponse(results=results)

    async def ReleaseReservation(
        self,
        request: pb.ReleaseReservationRequest,
        context: Rpc,
    ) -> pb.ReleaseReservationResponse:
        held = await self._reservations.settle(request.reservation_id, "RELEASED", convert.actor_from(request))
        return pb.ReleaseReservationResponse(reservation=convert.held_to(held), replayed=held.replayed)

    async def ExtendReservation(
        self,
        request: pb.ExtendReservationRequest,
        context: Rpc,
    ) -> pb.ExtendReservationResponse:
        actor = convert.actor_from(request)
        held = await self._reservations.settle(request.reservation_id, "EXTENDED", actor, request.ttl_seconds)
        return pb.ExtendReservationResponse(reservation=convert.held_to(held))

    async def GetReservation(self, request: pb.GetReservationRequest, context: Rpc) -> pb.GetReservationResponse:
        held = await self._reservations.get(request.reservation_id)
        return pb.GetReservationResponse(reservation=convert.held_to(held))

    async def BatchGetReservations(
        self,
        request: pb.BatchGetReservationsRequest,
        context: Rpc,
    ) -> pb.BatchGetReservationsResponse:
        found = await self._reservations.get_many(request.reservation_ids)
        return pb.BatchGetReservationsResponse(reservations=map(convert.held_to, found))

    async def ListReservations(self, request: pb.ListReservationsRequest, context: Rpc) -> pb.ListReservationsResponse:
        state = convert.reservation_state("state", request.state)
        query = f"reservations {state} {request.owner_prefix}"
        key = pagination.after(query, request.page_token, str)
        limit = request.page_size or LOOKED_AT
        found, last = await self._reservations.page(key[0] if key else "", limit, state, request.owner_prefix)
        token = pagination.token(query, [last]) if last else ""
        return pb.ListReservationsResponse(reservations=map(convert.held_to, found), next_page_token=token)

    async def FulfillReservation(
        self,
        request: pb.FulfillReservationRequest,
        context: Rpc,
    ) -> pb.FulfillReservationResponse:
        kept = await self._fulfillment.fulfill(
            requests.identify(request),
            request.reservation_id,
            convert.quantities_from(request.lines),
            convert.actor_from(request),
            lambda reservation, progress, picks, at: pb.FulfillReservationResponse(
                reservation=convert.reservation_to(reservation, progress),
                picks=[
                    pb.LotPick(sku=one.sku, location=one.location, lot=one.lot, quantity=one.quantity) for one in picks
                ],
                fulfill_time=timestamps.message(at),
            ).SerializeToString(),
        )
        return requests.answered(pb.FulfillReservationResponse, kept)

    async def CancelReservation(
        self,
        request: pb.CancelReservationRequest,
        context: Rpc,
    ) -> pb.CancelReservationResponse:
        kept = await self._fulfillment.cancel(
            requests.identify(request),
            request.reservation_id,
            convert.quantities_from(request.lines),
            convert.actor_from(request),
            lambda reservation, progress: pb.CancelReservationResponse(
                reservation=convert.reservation_to(reservation, progress)
            ).SerializeToString(),
        )
        return requests.answered(pb.CancelReservationResponse, kept)

    async def _commit(self, request: pb.CommitReservationRequest) -> Held:
        return await self._reservations.settle(request.reservation_id, "COMMITTED", convert.actor_from(request))

    async def _commit_one(self, request: pb.CommitReservationRequest) -> Held:
        bounds_check.check(request)  # a bad request does not fail the rest of its batch
        return await self._commit(request)

    async def _result(self, work: Awaitable[Held]) -> pb.ReserveResult:
        """The result of one request of a batch: its reservation or its error."""
        try:
            held = await work
        except Exception as raised:
            error = to_service_error(raised, TABLE)
            return pb.ReserveResult(
                code=error.code.value[0], reason=error.reason, message=error.message, metadata=dict(error.metadata)
            )
        return pb.ReserveResult(reservation=convert.held_to(held), replayed=held.replayed)
