"""REST routes of reservations."""

from __future__ import annotations

from chassis.errors import ServiceError
from edge import problems
from edge.answers import Answer, replayed
from edge.call import Call
from edge.openapi.headers import CHANGES
from edge.routes import messages
from edge.routes.routers import under_v1
from edge.schemas import reservations as schema
from edge.schemas.fields import ReservationId
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1.reservation_pb2 import Reservation, ReservationLine

router = under_v1("reservations")

STATES = messages.names(Reservation.State.items(), "STATE_")


@router.post(
    "/inventory/reserve",
    response_model=schema.ReservationAnswer,
    status_code=201,
    summary="Reserve stock, all lines or none",
    openapi_extra=CHANGES,
)
async def reserve_stock(call: Call, body: schema.Reserve) -> Answer:
    request = pb.ReserveStockRequest(
        request_id=call.mutation_id("rsv"),
        lines=[_line(number, line) for number, line in enumerate(body.lines)],
        ttl_seconds=body.ttl_seconds,
        owner=body.owner,
    )
    try:
        response = await call.rpc(call.clients.reservations.ReserveStock, request)
    except ServiceError as refused:
        raise problems.renamed(refused, _given_names(body)) from refused
    return Answer(to_rest(response.reservation), 201, replayed(response.replayed))


@router.get(
    "/inventory/reservations/{reservation_id}", response_model=schema.ReservationAnswer, summary="Read a reservation"
)
async def get_reservation(call: Call, reservation_id: ReservationId) -> Answer:
    request = pb.GetReservationRequest(reservation_id=reservation_id)
    response = await call.rpc(call.clients.reservations.GetReservation, request)
    return Answer(to_rest(response.reservation))


@router.post(
    "/inventory/reservations/{reservation_id}/commit",
    response_model=schema.ReservationAnswer,
    summary="Commit a reservation: turn it into an accepted sale",
    openapi_extra=CHANGES,
)
async def commit_reservation(call: Call, reservation_id: ReservationId, body: schema.Change) -> Answer:
    request = pb.CommitReservationRequest(
        reservation_id=reservation_id,
        request_id=call.mutation_id("req"),
        owner=body.owner,
        force_reason=body.force_reason,
    )
    response = await call.rpc(call.clients.reservations.CommitReservation, request)
    return Answer(to_rest(response.reservation), headers=replayed(response.replayed))


@router.post(
    "/inventory/reservations/{reservation_id}/release",
    response_model=schema.ReservationAnswer,
    summary="Release a reservation",
    openapi_extra=CHANGES,
)
async def release_reservation(call: Call, reservation_id: ReservationId, body: schema.Change) -> Answer:
    request = pb.ReleaseReservationRequest(
        reservation_id=reservation_id,
        request_id=call.mutation_id("req"),
        owner=body.owner,
        force_reason=body.force_reason,
    )
    response = await call.rpc(call.clients.reservations.ReleaseReservation, request)
    return Answer(to_rest(response.reservation), headers=replayed(response.replayed))


@router.post(
    "/inventory/reservations/{reservation_id}/extend",
    response_model=schema.ReservationAnswer,
    summary="Extend a reservation",
    openapi_extra=CHANGES,
)
async def extend_reservation(call: Call, reservation_id: ReservationId, body: schema.Extend) -> Answer:
    request = pb.ExtendReservationRequest(
        reservation_id=reservation_id,
        request_id=call.mutation_id("req"),
        ttl_seconds=body.ttl_seconds,
        owner=body.owner,
        force_reason=body.force_reason,
    )
    response = await call.rpc(call.clients.reservations.ExtendReservation, request)
    return Answer(to_rest(response.reservation))


@router.post(
    "/inventory/reservations/{reservation_id}/fulfill",
    response_model=schema.FulfillmentAnswer,
    summary="Fulfill a reservation: goods leave, first-expired lots first",
    openapi_extra=CHANGES,
)
async def fulfill_reservation(call: Call, reservation_id: ReservationId, body: schema.Lines) -> Answer:
    request = pb.FulfillReservationRequest(
        request_id=call.mutation_id("req"),
        reservation_id=reservation_id,
        lines=_quantities(body),
        owner=body.owner,
        force_reason=body.force_reason,
    )
    response = await call.rpc(call.clients.reservations.FulfillReservation, request)
    done: schema.FulfillmentAnswer = {
        **to_rest(response.reservation),
        "picks": [_pick(pick) for pick in response.picks],
        "fulfilled_at": messages.instant(response.fulfill_time),
    }
    return Answer(done, headers=replayed(response.replayed))


@router.post(
    "/inventory/reservations/{reservation_id}/cancel",
    response_model=schema.ReservationAnswer,
    summary="Cancel committed units that have not left",
    openapi_extra=CHANGES,
)
async def cancel_reservation(call: Call, reservation_id: ReservationId, body: schema.Lines) -> Answer:
    request = pb.CancelReservationRequest(
        request_id=call.mutation_id("req"),
        reservation_id=reservation_id,
        lines=_quantities(body),
        owner=body.owner,
        force_reason=body.force_reason,
    )
    response = await call.rpc(call.clients.reservations.CancelReservation, request)
    return Answer(to_rest(response.reservation), headers=replayed(response.replayed))


def to_rest(reservation: Reservation) -> schema.ReservationAnswer:
    """A reservation as REST shows it."""
    return {
        "reservation_id": reservation.reservation_id,
        "state": STATES[reservation.state],
        "expires_at": messages.instant(reservation.expire_time),
        "created_at": messages.instant(reservation.create_time),
        "owner": reservation.owner,
        "lines": [_line_to_rest(line) for line in reservation.lines],
    }


def _line_to_rest(line: ReservationLine) -> schema.ReservationLineAnswer:
    return {
        "sku": line.sku,
        "location": line.location,
        "quantity": line.quantity,
        "fulfilled": line.fulfilled,
        "cancelled": line.cancelled,
    }


def _pick(pick: pb.LotPick) -> schema.LotPickAnswer:
    return {"sku": pick.sku, "location": pick.location, "lot": pick.lot, "quantity": pick.quantity}


def _quantities(body: schema.Lines) -> list[pb.LineQuantity]:
    return [pb.LineQuantity(sku=line.sku, location=line.location, quantity=line.quantity) for line in body.lines]


def _line(number: int, line: schema.ReserveLine) -> pb.ReserveLine:
    if line.location is not None and line.locations:
        raise problems.invalid_field(f"lines[{number}].location", "must not be combined with locations")
    return pb.ReserveLine(
        sku=line.sku,
        quantity=line.quantity,
        locations=line.locations if line.location is None else [line.location],
        allow_split=line.allow_split,
    )


def _given_names(body: schema.Reserve) -> dict[str, str]:
    """`location` was sent as `locations[0]`: an error about it must name the field that the caller wrote."""
    return {
        f"lines[{number}].locations[0]": f"lines[{number}].location"
        for number, line in enumerate(body.lines)
        if line.location is not None
    }
