"""Ownership of a reservation: only its owner changes it, or an operator who forces the change and gives a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, TypeAlias

import psycopg
import pytest

from chassis.errors import ServiceError
from chassis.events.event_types import EventTypes
from gen.inventory.v1 import events_pb2
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1.reservation_pb2 import Reservation
from inventory_svc.app.forced import FORCED
from tests.inventory_svc.calls import (
    Stubs,
    assert_audit_holds,
    call,
    line,
    new_id,
    numbers,
    refused,
    reserved,
    stock_of,
    stocked,
)

Sql: TypeAlias = Callable[..., list[tuple[Any, ...]]]

TYPES = EventTypes([events_pb2])
OWNER = "order:ord_1"
WHY = "the customer called"
VERBS = ("Commit", "Release", "Extend", "Fulfill", "Cancel")
AFTER_COMMIT = ("Fulfill", "Cancel")
EVENTS = {
    "Commit": "committed",
    "Release": "released",
    "Extend": "extended",
    "Fulfill": "fulfilled",
    "Cancel": "cancelled",
}


def change(inventory: Stubs, verb: str, reservation_id: str, owner: str = "", force_reason: str = "") -> Awaitable[Any]:
    """One change of a reservation, in the name of `owner`."""
    more: dict[str, Any] = {"ttl_seconds": 60} if verb == "Extend" else {}
    request = getattr(pb, f"{verb}ReservationRequest")(
        request_id=new_id("change"), reservation_id=reservation_id, owner=owner, force_reason=force_reason, **more
    )
    return call(getattr(inventory.reservations, f"{verb}Reservation"), request)


async def owned(inventory: Stubs, verb: str, owner: str = OWNER) -> tuple[str, str]:
    """A reservation of 5 units that is ready for this verb: its id and its sku."""
    sku = await stocked(inventory, 5)
    reservation_id = (await reserved(inventory, line(sku, 5), owner=owner)).reservation_id
    if verb in AFTER_COMMIT:
        await change(inventory, "Commit", reservation_id, owner)
    return reservation_id, sku


def events_of(sql: Sql, reservation_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Its events in order: the kind, and the payload, which must fit its message."""
    rows = sql("SELECT type, payload FROM outbox WHERE key = %s ORDER BY id", reservation_id)
    for type_, payload in rows:
        assert TYPES.encode(type_, payload)
    return [(str(row[0]).rsplit(".", 1)[-1], row[1]) for row in rows]


@pytest.mark.parametrize("owner", ["", "cart-7", "order:ord_2"])
@pytest.mark.parametrize("verb", VERBS)
async def test_a_foreign_hand_changes_nothing(inventory: Stubs, sql: Sql, verb: str, owner: str) -> None:
    reservation_id, sku = await owned(inventory, verb)
    before = numbers(await stock_of(inventory, sku)), events_of(sql, reservation_id)
    error = await refused(change(inventory, verb, reservation_id, owner))
    assert (error.code.name, error.reason) == ("FAILED_PRECONDITION", "RESERVATION_OWNED_BY_ANOTHER")
    assert error.metadata == {"reservation_id": reservation_id}
    assert (numbers(await stock_of(inventory, sku)), events_of(sql, reservation_id)) == before
    await assert_audit_holds(inventory)


@pytest.mark.parametrize("verb", VERBS)
async def test_the_owner_changes_its_own_with_one_event(inventory: Stubs, sql: Sql, verb: str) -> None:
    reservation_id, _ = await owned(inventory, verb)
    await change(inventory, verb, reservation_id, OWNER)
    kind, payload = events_of(sql, reservation_id)[-1]
    assert (kind, payload.get("forced_reason", "")) == (EVENTS[verb], "")
    await assert_audit_holds(inventory)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_reservation_without_an_owner_belongs_to_everybody(inventory: Stubs, verb: str) -> None:
    reservation_id, _ = await owned(inventory, verb, owner="")
    await change(inventory, verb, reservation_id, "cart-7")
    await assert_audit_holds(inventory)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_person_forces_a_change_and_it_is_recorded(
    inventory: Stubs, sql: Sql, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reservation_id, sku = await owned(inventory, verb)
    counted = FORCED.of(verb.lower()).value
    await change(inventory, verb, reservation_id, "till-1", f"  {WHY} ")
    kind, payload = events_of(sql, reservation_id)[-1]
    assert (kind, payload["forced_reason"]) == (EVENTS[verb], WHY)
    assert FORCED.of(verb.lower()).value == counted + 1
    written = capsys.readouterr()
    lines = [one for one in (written.out + written.err).splitlines() if "reservation.forced" in one]
    assert len(lines) == 1
    assert all(word in lines[0] for word in (reservation_id, verb.lower(), WHY, "till-1"))
    if verb in AFTER_COMMIT:
        moved = sql("SELECT reason FROM stock_movements WHERE reservation_id = %s", reservation_id)
        assert moved == [(WHY,)]
    assert (await stock_of(inventory, sku)).on_hand == (0 if verb == "Fulfill" else 5)
    await assert_audit_holds(inventory)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_reason_of_blanks_forces_nothing(inventory: Stubs, verb: str) -> None:
    reservation_id, _ = await owned(inventory, verb)
    error = await refused(change(inventory, verb, reservation_id, "", "   "))
    assert error.reason == "RESERVATION_OWNED_BY_ANOTHER"


@pytest.mark.parametrize(("field", "most"), [("owner", 100), ("force_reason", 200)])
@pytest.mark.parametrize("verb", VERBS)
async def test_owner_and_reason_are_bounded(inventory: Stubs, verb: str, field: str, most: int) -> None:
    for wrong in ("x" * (most + 1), "x\x00"):
        error = await refused(change(inventory, verb, "r-1", **{field: wrong}))
        assert (error.reason, error.metadata["field"]) == ("FIELD_INVALID", field)


async def test_a_forced_repeat_that_changes_nothing_is_not_recorded_again(inventory: Stubs, sql: Sql) -> None:
    reservation_id, _ = await owned(inventory, "Commit")
    await change(inventory, "Commit", reservation_id, "", WHY)
    counted, told = FORCED.of("commit").value, len(events_of(sql, reservation_id))
    assert (await change(inventory, "Commit", reservation_id, "", WHY)).replayed
    assert (FORCED.of("commit").value, len(events_of(sql, reservation_id))) == (counted, told)


async def test_a_foreign_hand_is_refused_as_such_whatever_the_state(inventory: Stubs) -> None:
    reservation_id, _ = await owned(inventory, "Release")
    await change(inventory, "Release", reservation_id, OWNER)
    for verb in VERBS:
        error = await refused(change(inventory, verb, reservation_id, "cart-7"))
        assert error.reason == "RESERVATION_OWNED_BY_ANOTHER"


async def test_a_release_that_overtakes_its_reservation_leaves_a_tombstone_of_its_owner(inventory: Stubs) -> None:
    reservation_id = new_id("late")
    first = await change(inventory, "Release", reservation_id, OWNER)
    assert (first.reservation.state, first.reservation.owner) == (Reservation.STATE_ABORTED, OWNER)
    assert (await change(inventory, "Release", reservation_id, OWNER)).replayed
    foreign = await refused(change(inventory, "Release", reservation_id, "cart-7"))
    assert foreign.reason == "RESERVATION_OWNED_BY_ANOTHER"
    sku = await stocked(inventory, 1)
    late = await refused(reserved(inventory, line(sku), request_id=reservation_id, owner=OWNER))
    assert late.reason == "RESERVATION_ABORTED"
    await assert_audit_holds(inventory)


async def test_a_foreign_one_fails_alone_in_a_batch(inventory: Stubs) -> None:
    sku = await stocked(inventory, 4)
    mine = [(await reserved(inventory, line(sku), owner=OWNER)).reservation_id for _ in range(2)]
    other = (await reserved(inventory, line(sku), owner="order:ord_2")).reservation_id
    free = (await reserved(inventory, line(sku))).reservation_id
    requests = [pb.CommitReservationRequest(reservation_id=each, owner=OWNER) for each in (mine[0], other, free)]
    requests.append(pb.CommitReservationRequest(reservation_id=mine[1], owner="x" * 101))
    batch = pb.BatchCommitReservationsRequest(requests=requests)
    results = (await call(inventory.reservations.BatchCommitReservations, batch)).results
    assert [one.reason for one in results] == ["", "RESERVATION_OWNED_BY_ANOTHER", "", "FIELD_INVALID"]
    assert numbers(await stock_of(inventory, sku)) == (4, 2, 2, 0, 0)
    await assert_audit_holds(inventory)


@pytest.mark.parametrize("verb", VERBS)
async def test_among_many_foreign_hands_at_once_only_the_owners_counts(inventory: Stubs, sql: Sql, verb: str) -> None:
    reservation_id, _ = await owned(inventory, verb)

    async def attempt(owner: str) -> str:
        try:
            await change(inventory, verb, reservation_id, owner)
        except ServiceError as error:
            return error.reason
        return ""

    owners = ["", "cart-7", "order:ord_2"] * 5 + [OWNER] + ["cart-7"] * 5
    answers = await asyncio.gather(*map(attempt, owners))
    foreign = [answer for owner, answer in zip(owners, answers, strict=True) if owner != OWNER]
    assert set(foreign) == {"RESERVATION_OWNED_BY_ANOTHER"}
    assert answers.count("") == 1
    assert [kind for kind, _ in events_of(sql, reservation_id)].count(EVENTS[verb]) == 1
    await assert_audit_holds(inventory)


async def test_units_that_leave_or_come_back_are_told_once_each_with_what_is_left(inventory: Stubs, sql: Sql) -> None:
    reservation_id, sku = await owned(inventory, "Fulfill")
    some = [pb.LineQuantity(sku=sku, location="berlin", quantity=2)]
    fulfill = pb.FulfillReservationRequest(
        request_id=new_id("f"), reservation_id=reservation_id, lines=some, owner=OWNER
    )
    cancel = pb.CancelReservationRequest(request_id=new_id("c"), reservation_id=reservation_id, lines=some, owner=OWNER)
    for _ in range(2):  # a repeat emits no event
        await call(inventory.reservations.FulfillReservation, fulfill)
        await call(inventory.reservations.CancelReservation, cancel)
    told = [(kind, payload["reservation"]) for kind, payload in events_of(sql, reservation_id)[2:]]
    assert [(kind, one["state"], one["owner"]) for kind, one in told] == [
        ("fulfilled", "STATE_COMMITTED", OWNER),
        ("cancelled", "STATE_COMMITTED", OWNER),
    ]
    berlin = {"sku": sku, "location": "berlin", "quantity": 5}
    assert told[0][1]["lines"] == [{**berlin, "fulfilled": 2, "cancelled": 0}]
    assert told[1][1]["lines"] == [{**berlin, "fulfilled": 2, "cancelled": 2}]
    made = events_of(sql, reservation_id)[0][1]["reservation"]
    for name in ("create_time", "expire_time"):  # one rounds to the millisecond, the other truncates
        apart = datetime.fromisoformat(told[0][1][name]) - datetime.fromisoformat(made[name])
        assert abs(apart) <= timedelta(milliseconds=1)


async def test_the_same_request_with_another_time_to_live_is_another_body(inventory: Stubs) -> None:
    sku, request_id = await stocked(inventory, 2), new_id("cart")
    await reserved(inventory, line(sku), request_id=request_id, ttl_seconds=60)
    await reserved(inventory, line(sku), request_id=request_id, ttl_seconds=60)
    for other in (61, 0):
        error = await refused(reserved(inventory, line(sku), request_id=request_id, ttl_seconds=other))
        assert (error.code.name, error.reason) == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")
    default = new_id("cart")
    await reserved(inventory, line(sku), request_id=default)
    await reserved(inventory, line(sku), request_id=default, ttl_seconds=900)
    assert (await stock_of(inventory, sku)).available == 0


async def test_orders_reservations_of_an_earlier_release_get_their_owner(
    new_database: Callable[[str], str],
) -> None:
    module = import_module("inventory_svc.migrations.versions.0005_owners_of_orders")
    url = new_database("inventory")
    row = "INSERT INTO reservations VALUES (%s, 0, 'COMMITTED', 'f', 'n', 1, %s, '[]', now(), now(), now())"
    with psycopg.connect(url, autocommit=True) as connection:
        for reservation_id, owner in (("ord_1", "ord_1"), ("ord_2", "order:ord_2"), ("r-1", "r-1"), ("ord_3", "cart")):
            connection.execute(row, (reservation_id, owner))
        connection.execute(module.OWNERS)
        found = connection.execute("SELECT id, owner FROM reservations ORDER BY id").fetchall()
    assert found == [("ord_1", "order:ord_1"), ("ord_2", "order:ord_2"), ("ord_3", "cart"), ("r-1", "r-1")]
