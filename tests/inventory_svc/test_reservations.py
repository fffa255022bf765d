"""Reservations over gRPC: refusals, repeats, races, fulfilment and cancellation."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1.reservation_pb2 import Reservation
from tests.inventory_svc.calls import (
    Stubs,
    assert_audit_holds,
    call,
    committed,
    line,
    new_id,
    numbers,
    received,
    refused,
    reserved,
    stock_of,
    stocked,
)


async def test_a_refusal_says_which_lines_are_short_by_how_much_and_when_more_may_come(inventory: Stubs) -> None:
    plenty, scarce = await stocked(inventory, 9), await stocked(inventory, 3)
    await reserved(inventory, line(scarce, 2), ttl_seconds=77)
    error = await refused(reserved(inventory, line(plenty), line(scarce, 2)))
    assert error.reason == "INSUFFICIENT_STOCK"
    metadata = dict(error.metadata)
    lapse = datetime.fromisoformat(metadata.pop("next_lapse_time"))
    assert timedelta(seconds=60) < lapse - datetime.now(UTC) < timedelta(seconds=80)
    assert metadata == {
        "lines": "1",
        "lines[1].sku": scarce,
        "lines[1].requested": "2",
        "lines[1].available": "1",
    }
    assert (await stock_of(inventory, plenty)).available == 9


async def test_duplicate_lines_of_one_sku_count_together(inventory: Stubs) -> None:
    sku = await stocked(inventory, 3)
    assert (await refused(reserved(inventory, line(sku, 2), line(sku, 2)))).metadata["lines[0].requested"] == "4"
    reservation = await reserved(inventory, line(sku, 2), line(sku, 1))
    assert [(one.sku, one.quantity) for one in reservation.lines] == [(sku, 3)]


async def test_the_location_is_ours_to_choose_by_priority_unless_the_line_names_it(inventory: Stubs) -> None:
    sku = await stocked(inventory, 2, "berlin")
    await received(inventory, sku, 5, "lyon")
    assert (await reserved(inventory, line(sku, 2))).lines[0].location == "berlin"
    assert (await reserved(inventory, line(sku, 1, "lyon"))).lines[0].location == "lyon"
    assert (await refused(reserved(inventory, line(sku, 1, "berlin")))).reason == "INSUFFICIENT_STOCK"
    assert (await refused(reserved(inventory, line(sku, 1, "mars")))).reason == "LOCATION_NOT_FOUND"


async def test_a_released_reservation_answers_a_repeat_of_its_request_with_its_end(inventory: Stubs) -> None:
    sku = await stocked(inventory, 3)
    reservation = await reserved(inventory, line(sku), request_id=new_id("cart"))
    release = pb.ReleaseReservationRequest(reservation_id=reservation.reservation_id)
    assert not (await call(inventory.reservations.ReleaseReservation, release)).replayed
    assert (await call(inventory.reservations.ReleaseReservation, release)).replayed
    again = await refused(reserved(inventory, line(sku), request_id=reservation.reservation_id))
    assert again.reason == "RESERVATION_RELEASED"
    commit = pb.CommitReservationRequest(reservation_id=reservation.reservation_id)
    assert (await refused(call(inventory.reservations.CommitReservation, commit))).reason == "RESERVATION_RELEASED"
    assert (await stock_of(inventory, sku)).available == 3
    await assert_audit_holds(inventory)


async def test_a_reservation_lapses_by_itself(inventory: Stubs) -> None:
    sku = await stocked(inventory, 1)
    reservation = await reserved(inventory, line(sku), ttl_seconds=1)
    read = pb.GetReservationRequest(reservation_id=reservation.reservation_id)
    async with asyncio.timeout(20):
        while (await call(inventory.reservations.GetReservation, read)).reservation.state == Reservation.STATE_ACTIVE:
            await asyncio.sleep(0.1)  # the journal's clock decides, and it sends no signal
        while (await stock_of(inventory, sku)).available == 0:
            await asyncio.sleep(0.1)
    await reserved(inventory, line(sku))
    await assert_audit_holds(inventory)


async def test_a_commit_turns_reserved_into_committed_once(inventory: Stubs) -> None:
    sku = await stocked(inventory, 5)
    reservation = await reserved(inventory, line(sku, 2))
    commit = pb.CommitReservationRequest(reservation_id=reservation.reservation_id)
    answers = await asyncio.gather(*(call(inventory.reservations.CommitReservation, commit) for _ in range(5)))
    assert sorted(answer.replayed for answer in answers) == [False, True, True, True, True]
    assert numbers(await stock_of(inventory, sku)) == (5, 0, 2, 0, 3)
    release = pb.ReleaseReservationRequest(reservation_id=reservation.reservation_id)
    assert (await refused(call(inventory.reservations.ReleaseReservation, release))).reason == "RESERVATION_COMMITTED"


async def test_goods_leave_first_expired_first_and_the_lots_are_recorded(inventory: Stubs) -> None:
    sku = await stocked(inventory)
    await received(inventory, sku, 2, lot="SOON", expiry_date="2027-01-31")
    await received(inventory, sku, 5, lot="LATE", expiry_date="2028-01-31")
    reservation_id = await committed(inventory, line(sku, 4))
    part = pb.FulfillReservationRequest(
        request_id=new_id("f"),
        reservation_id=reservation_id,
        lines=[pb.LineQuantity(sku=sku, location="berlin", quantity=3)],
    )
    first = await call(inventory.reservations.FulfillReservation, part)
    assert [(pick.lot, pick.quantity) for pick in first.picks] == [("SOON", 2), ("LATE", 1)]
    assert (await call(inventory.reservations.FulfillReservation, part)).replayed
    rest = pb.FulfillReservationRequest(request_id=new_id("f"), reservation_id=reservation_id)
    done = await call(inventory.reservations.FulfillReservation, rest)
    assert (done.reservation.lines[0].fulfilled, done.reservation.lines[0].cancelled) == (4, 0)
    more = pb.FulfillReservationRequest(request_id=new_id("f"), reservation_id=reservation_id)
    assert (await refused(call(inventory.reservations.FulfillReservation, more))).reason == "QUANTITY_NOT_OPEN"
    assert numbers(await stock_of(inventory, sku)) == (3, 0, 0, 0, 3)
    await assert_audit_holds(inventory)


async def test_what_has_not_left_can_be_cancelled_and_sold_again(inventory: Stubs) -> None:
    sku = await stocked(inventory, 4)
    reservation_id = await committed(inventory, line(sku, 4))
    some = pb.FulfillReservationRequest(
        request_id=new_id("f"),
        reservation_id=reservation_id,
        lines=[pb.LineQuantity(sku=sku, location="berlin", quantity=1)],
    )
    await call(inventory.reservations.FulfillReservation, some)
    cancel = pb.CancelReservationRequest(request_id=new_id("c"), reservation_id=reservation_id)
    answers = await asyncio.gather(*(call(inventory.reservations.CancelReservation, cancel) for _ in range(4)))
    assert sorted(answer.replayed for answer in answers) == [False, True, True, True]
    assert numbers(await stock_of(inventory, sku)) == (3, 0, 0, 0, 3)
    await reserved(inventory, line(sku, 3))
    other = pb.CancelReservationRequest(request_id=new_id("c"), reservation_id=reservation_id)
    assert (await refused(call(inventory.reservations.CancelReservation, other))).reason == "QUANTITY_NOT_OPEN"
    await assert_audit_holds(inventory)


async def test_only_committed_reservations_are_fulfilled(inventory: Stubs) -> None:
    sku = await stocked(inventory, 4)
    reservation = await reserved(inventory, line(sku))
    early = pb.FulfillReservationRequest(request_id=new_id("f"), reservation_id=reservation.reservation_id)
    error = await refused(call(inventory.reservations.FulfillReservation, early))
    assert (error.reason, error.metadata["state"]) == ("RESERVATION_NOT_COMMITTED", "ACTIVE")
    ghost = pb.CommitReservationRequest(reservation_id="ghost")
    assert (await refused(call(inventory.reservations.CommitReservation, ghost))).reason == "RESERVATION_NOT_FOUND"


async def test_a_release_that_overtakes_its_reservation_kills_it(inventory: Stubs) -> None:
    sku, request_id = await stocked(inventory, 4), new_id("late")
    release = pb.ReleaseReservationRequest(reservation_id=request_id)
    answer = await call(inventory.reservations.ReleaseReservation, release)
    assert answer.reservation.state == Reservation.STATE_ABORTED
    assert (await refused(reserved(inventory, line(sku), request_id=request_id))).reason == "RESERVATION_ABORTED"
    assert (await stock_of(inventory, sku)).available == 4
    await assert_audit_holds(inventory)


async def test_a_batch_answers_each_request_by_itself(inventory: Stubs) -> None:
    sku = await stocked(inventory, 2)
    requests = [pb.ReserveStockRequest(request_id=new_id("b"), lines=[line(sku)]) for _ in range(3)]
    requests.append(pb.ReserveStockRequest(request_id=new_id("b"), lines=[line("NOPE")]))
    batch = pb.BatchReserveStockRequest(requests=requests)
    results = (await call(inventory.reservations.BatchReserveStock, batch)).results
    assert [result.reason for result in results] == ["", "", "INSUFFICIENT_STOCK", "SKU_NOT_FOUND"]
    again = (await call(inventory.reservations.BatchReserveStock, batch)).results
    assert [result.replayed for result in again] == [True, True, False, False]
    assert (await stock_of(inventory, sku)).available == 0


async def test_a_batch_of_commits_answers_each_by_itself(inventory: Stubs) -> None:
    sku = await stocked(inventory, 2)
    held = [(await reserved(inventory, line(sku))).reservation_id for _ in range(2)]
    await call(inventory.reservations.ReleaseReservation, pb.ReleaseReservationRequest(reservation_id=held[1]))
    requests = [pb.CommitReservationRequest(reservation_id=each) for each in (*held, "nobody", "")]
    batch = pb.BatchCommitReservationsRequest(requests=requests)
    results = (await call(inventory.reservations.BatchCommitReservations, batch)).results
    reasons = [result.reason for result in results]
    assert reasons == ["", "RESERVATION_RELEASED", "RESERVATION_NOT_FOUND", "FIELD_REQUIRED"]
    assert results[0].reservation.state == Reservation.STATE_COMMITTED
    again = (await call(inventory.reservations.BatchCommitReservations, batch)).results
    assert again[0].replayed
    await assert_audit_holds(inventory)


@pytest.mark.parametrize("copies", [1, 2])
async def test_five_hundred_buyers_over_grpc_get_exactly_fifty_units(inventory: Stubs, copies: int) -> None:
    sku = await stocked(inventory, 50)
    ids = [new_id("buyer") for _ in range(500)]

    async def buy(request_id: str) -> str:
        try:
            return (await reserved(inventory, line(sku), request_id=request_id)).reservation_id
        except ServiceError as error:
            return error.reason

    answers = await asyncio.gather(*(buy(one) for one in ids for _ in range(copies)))
    pairs = [answers[first : first + copies] for first in range(0, len(answers), copies)]
    assert all(len(set(pair)) == 1 for pair in pairs), "both answers of one request id are the same"
    winners = [pair[0] for pair in pairs if pair[0] != "INSUFFICIENT_STOCK"]
    assert len(winners) == 50
    assert set(winners) <= set(ids)
    assert numbers(await stock_of(inventory, sku)) == (50, 50, 0, 0, 0)
    await assert_audit_holds(inventory)


async def test_many_reservations_are_read_at_once_with_what_became_of_their_units(inventory: Stubs) -> None:
    sku = await stocked(inventory, 9)
    sold, active = await committed(inventory, line(sku, 3)), await reserved(inventory, line(sku, 2))
    request = pb.CancelReservationRequest(request_id=new_id("cancel"), reservation_id=sold)
    request.lines.add(sku=sku, location="berlin", quantity=1)
    await call(inventory.reservations.CancelReservation, request)
    ids = [sold, active.reservation_id, "nobody", sold]
    answer = await call(
        inventory.reservations.BatchGetReservations, pb.BatchGetReservationsRequest(reservation_ids=ids)
    )
    found = {one.reservation_id: one for one in answer.reservations}
    assert len(answer.reservations) == 2
    assert (found[sold].state, found[sold].lines[0].cancelled) == (Reservation.STATE_COMMITTED, 1)
    assert found[active.reservation_id].state == Reservation.STATE_ACTIVE


async def test_reservations_are_listed_by_state_and_owner_page_by_page(inventory: Stubs) -> None:
    sku = await stocked(inventory, 9)
    owner = new_id("lister")
    made = [await reserved(inventory, line(sku), owner=f"{owner}:{number}") for number in range(5)]
    done = pb.CommitReservationRequest(reservation_id=made[0].reservation_id, owner=f"{owner}:0")
    await call(inventory.reservations.CommitReservation, done)
    listed: list[str] = []
    token = ""
    while True:
        request = pb.ListReservationsRequest(
            page_size=3, page_token=token, owner_prefix=f"{owner}:", state=Reservation.STATE_ACTIVE
        )
        answer = await call(inventory.reservations.ListReservations, request)
        listed += [one.reservation_id for one in answer.reservations]
        token = answer.next_page_token
        if not token:
            break
    assert listed == sorted(one.reservation_id for one in made[1:])


async def test_a_page_token_of_another_list_is_refused(inventory: Stubs) -> None:
    sku = await stocked(inventory, 9)
    for _ in range(2):
        await reserved(inventory, line(sku))
    request = pb.ListReservationsRequest(page_size=1)
    token = (await call(inventory.reservations.ListReservations, request)).next_page_token
    other = pb.ListReservationsRequest(page_size=1, page_token=token, owner_prefix="x")
    error = await refused(call(inventory.reservations.ListReservations, other))
    assert error.reason == "PAGE_TOKEN_INVALID"


async def test_reading_many_reservations_refuses_none_and_too_many(inventory: Stubs) -> None:
    for ids in ([], ["r"] * 501, [""]):
        request = pb.BatchGetReservationsRequest(reservation_ids=ids)
        error = await refused(call(inventory.reservations.BatchGetReservations, request))
        assert error.metadata["field"].startswith("reservation_ids"), ids
    unknown = pb.ListReservationsRequest(state=77)  # type: ignore[arg-type]
    assert (await refused(call(inventory.reservations.ListReservations, unknown))).metadata["field"] == "state"
