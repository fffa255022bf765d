"""Routes of reservations: the calls to the service, the answers to the caller."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from grpc import StatusCode

from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1.reservation_pb2 import Reservation, ReservationLine
from tests.edge.far_side import FarSide

LINE: dict[str, Any] = {"sku": "SERUM-30", "location": "berlin", "quantity": 2, "fulfilled": 1, "cancelled": 0}
PATH = "/v1/inventory/reservations/rsv_1"


def stored(state: Reservation.State.ValueType = Reservation.STATE_ACTIVE) -> Reservation:
    reservation = Reservation(reservation_id="rsv_1", state=state, owner="cart-1", lines=[ReservationLine(**LINE)])
    reservation.expire_time.FromJsonString("2026-11-20T10:15:00Z")
    return reservation


def shown(state: str = "ACTIVE") -> dict[str, object]:
    return {
        "reservation_id": "rsv_1",
        "state": state,
        "expires_at": "2026-11-20T10:15:00Z",
        "created_at": None,
        "owner": "cart-1",
        "lines": [LINE],
    }


async def test_stock_is_reserved_where_the_caller_says_or_we_choose(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("ReserveStock", pb.ReserveStockResponse(reservation=stored()))
    lines = [
        {"sku": "A", "quantity": 1},
        {"sku": "B", "quantity": 2, "location": "berlin"},
        {"sku": "C/1", "quantity": 3, "locations": ["berlin", "paris"], "allow_split": True},
    ]
    answer = await rest.post("/v1/inventory/reserve", json={"lines": lines, "ttl_seconds": 600, "owner": "cart-1"})
    assert answer.status_code == 201
    assert answer.json() == shown()
    request = far_side.last.request
    assert request.request_id.startswith("rsv_")
    assert (request.ttl_seconds, request.owner) == (600, "cart-1")
    assert [(line.sku, line.quantity, list(line.locations), line.allow_split) for line in request.lines] == [
        ("A", 1, [], False),
        ("B", 2, ["berlin"], False),
        ("C/1", 3, ["berlin", "paris"], True),
    ]


async def test_one_line_cannot_name_a_location_and_candidates(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    line = {"sku": "A", "quantity": 1, "location": "berlin", "locations": ["paris"]}
    answer = await rest.post("/v1/inventory/reserve", json={"lines": [line]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "lines[0].location"
    assert not far_side.calls


async def test_a_reservation_is_read(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("GetReservation", pb.GetReservationResponse(reservation=stored(Reservation.STATE_EXPIRED)))
    assert (await rest.get(PATH)).json() == shown("EXPIRED")
    assert far_side.last.request.reservation_id == "rsv_1"


@pytest.mark.parametrize(
    ("verb", "method", "response", "state"),
    [
        ("commit", "CommitReservation", pb.CommitReservationResponse, "COMMITTED"),
        ("release", "ReleaseReservation", pb.ReleaseReservationResponse, "RELEASED"),
        ("cancel", "CancelReservation", pb.CancelReservationResponse, "COMMITTED"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_a_reservation_changes_its_state_with_or_without_an_empty_body(
    rest: httpx.AsyncClient, far_side: FarSide, verb: str, method: str, response: type, state: str, body: bytes
) -> None:
    after = stored(Reservation.State.Value(f"STATE_{state}"))
    far_side.answers(method, response(reservation=after, replayed=True))
    answer = await rest.post(f"{PATH}/{verb}", content=body)
    assert answer.status_code == 200
    assert answer.json() == shown(state)
    assert answer.headers["idempotency-replayed"] == "true"
    assert far_side.last.method == method
    assert far_side.last.request.reservation_id == "rsv_1"


@pytest.mark.parametrize("verb", ["commit", "release", "extend", "fulfill", "cancel"])
async def test_a_change_says_in_whose_name_it_is_or_why_it_is_forced(
    rest: httpx.AsyncClient, far_side: FarSide, verb: str
) -> None:
    body = {"owner": "cart-1", "force_reason": "the customer called"} | (
        {"ttl_seconds": 60} if verb == "extend" else {}
    )
    assert (await rest.post(f"{PATH}/{verb}", json=body)).status_code == 200
    request = far_side.last.request
    assert (request.owner, request.force_reason) == ("cart-1", "the customer called")


@pytest.mark.parametrize("verb", ["commit", "release", "extend", "fulfill", "cancel"])
@pytest.mark.parametrize(
    ("field", "wrong"), [("owner", "order:ord_1"), ("owner", "x" * 101), ("force_reason", "x" * 201), ("owner", None)]
)
async def test_nobody_speaks_in_a_services_name_or_at_length(
    rest: httpx.AsyncClient, far_side: FarSide, verb: str, field: str, wrong: str | None
) -> None:
    answer = await rest.post(
        f"{PATH}/{verb}", json={field: wrong, "ttl_seconds": 60} if verb == "extend" else {field: wrong}
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert not far_side.calls


async def test_nobody_reserves_in_a_services_name(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    body = {"lines": [{"sku": "A", "quantity": 1}], "owner": "order:ord_1"}
    answer = await rest.post("/v1/inventory/reserve", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "owner")
    assert not far_side.calls


async def test_a_foreign_reservation_is_a_conflict(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    reason = "RESERVATION_OWNED_BY_ANOTHER"
    far_side.answers("CancelReservation", ServiceError(StatusCode.FAILED_PRECONDITION, reason, "no"))
    answer = await rest.post(f"{PATH}/cancel")
    assert (answer.status_code, answer.json()["reason"]) == (409, reason)


async def test_a_reservation_is_extended(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("ExtendReservation", pb.ExtendReservationResponse(reservation=stored()))
    answer = await rest.post(f"{PATH}/extend", json={"ttl_seconds": 60})
    assert answer.json() == shown()
    assert (far_side.last.request.reservation_id, far_side.last.request.ttl_seconds) == ("rsv_1", 60)


async def test_fulfilment_says_which_lots_left(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    pick: dict[str, Any] = {"sku": "SERUM-30", "location": "berlin", "lot": "L1", "quantity": 1}
    response = pb.FulfillReservationResponse(
        reservation=stored(Reservation.STATE_COMMITTED), picks=[pb.LotPick(**pick)]
    )
    response.fulfill_time.FromJsonString("2026-11-20T11:00:00Z")
    far_side.answers("FulfillReservation", response)
    lines = [{"sku": "SERUM-30", "location": "berlin", "quantity": 1}]
    answer = await rest.post(f"{PATH}/fulfill", json={"lines": lines})
    assert answer.json() == {**shown("COMMITTED"), "picks": [pick], "fulfilled_at": "2026-11-20T11:00:00Z"}
    sent = far_side.last.request.lines
    assert [(line.sku, line.location, line.quantity) for line in sent] == [("SERUM-30", "berlin", 1)]
