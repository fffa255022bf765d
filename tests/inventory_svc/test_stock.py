"""Receiving, adjusting and setting stock over gRPC, with lots and their expiry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc

from chassis.errors import ServiceError
from gen.inventory.v1 import stock_service_pb2 as pb
from gen.inventory.v1.movement_pb2 import Movement
from inventory_svc.__main__ import Inventory
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

MOST = 1_000_000_000
Query = Callable[..., list[tuple[object, ...]]]


def _day(offset: int) -> str:
    """A date that many days from now; two days ago is past in every time zone."""
    return (datetime.now(UTC).date() + timedelta(days=offset)).isoformat()


async def test_received_goods_can_be_sold_at_once(inventory: Stubs) -> None:
    sku = await stocked(inventory, 3)
    await received(inventory, sku, 4)
    await reserved(inventory, line(sku, 7))
    assert numbers(await stock_of(inventory, sku)) == (7, 7, 0, 0, 0)
    await assert_audit_holds(inventory)


async def test_a_delivery_sent_twice_counts_once(inventory: Stubs) -> None:
    sku = await stocked(inventory)
    request_id = new_id("delivery")
    for _ in range(3):
        await received(inventory, sku, 4, request_id=request_id)
    assert (await stock_of(inventory, sku)).available == 4
    await assert_audit_holds(inventory)


async def test_stock_is_kept_per_lot_first_to_expire_first(inventory: Stubs) -> None:
    sku = await stocked(inventory)
    await received(inventory, sku, 1, lot="LATE", expiry_date=_day(90))
    await received(inventory, sku, 2, lot="SOON", manufacture_date=_day(-30), expiry_date=_day(9))
    await received(inventory, sku, 3)
    [level] = (await stock_of(inventory, sku)).levels
    assert [(lot.lot, lot.on_hand) for lot in level.lots] == [("SOON", 2), ("LATE", 1), ("", 3)]
    other = await refused(received(inventory, sku, 1, lot="SOON", expiry_date=_day(10)))
    assert (other.reason, other.metadata["expiry_date"]) == ("LOT_DATES_DIFFER", _day(9))
    await received(inventory, sku, 1, lot="SOON")
    assert (await stock_of(inventory, sku)).available == 7


async def test_goods_that_are_expired_when_they_arrive_are_on_hand_but_not_available(inventory: Stubs) -> None:
    sku = await stocked(inventory)
    await received(inventory, sku, 5, lot="OLD", expiry_date=_day(-2))
    assert numbers(await stock_of(inventory, sku)) == (5, 0, 0, 5, 0)
    assert (await refused(reserved(inventory, line(sku)))).reason == "INSUFFICIENT_STOCK"
    await assert_audit_holds(inventory)


async def test_a_lot_that_expires_leaves_availability_even_when_it_was_promised(
    inventory: Stubs, process: Inventory, sql: Query
) -> None:
    sku = await stocked(inventory)
    await received(inventory, sku, 5, lot="L", expiry_date=_day(30))
    await reserved(inventory, line(sku, 2))
    sql("UPDATE lots SET expiry_date = current_date - 3 WHERE sku = %s RETURNING lot", sku)
    await process.expire_lots.run_once()
    await process.expire_lots.run_once()
    assert numbers(await stock_of(inventory, sku)) == (5, 2, 0, 5, -2)
    events = sql("SELECT type FROM outbox WHERE key = %s ORDER BY id DESC LIMIT 2", sku)
    assert {kind for (kind,) in events} == {"inventory.stock_level.changed", "inventory.stock_level.shortfall"}
    await received(inventory, sku, 1, lot="L")
    assert numbers(await stock_of(inventory, sku)) == (6, 2, 0, 6, -2)
    await assert_audit_holds(inventory)


async def test_an_adjustment_needs_units_to_take_away(inventory: Stubs) -> None:
    sku = await stocked(inventory, 5)
    request = pb.AdjustStockRequest(request_id=new_id("r"), sku=sku, location="berlin", delta=-2, reason="broken")
    assert (await call(inventory.stock.AdjustStock, request)).level.on_hand == 3
    assert (await call(inventory.stock.AdjustStock, request)).replayed
    request.request_id, request.delta = new_id("r"), -4
    assert (await refused(call(inventory.stock.AdjustStock, request))).reason == "ON_HAND_NEGATIVE"
    request.lot, request.delta = "NOPE", 1
    assert (await refused(call(inventory.stock.AdjustStock, request))).reason == "LOT_NOT_FOUND"
    assert numbers(await stock_of(inventory, sku)) == (3, 0, 0, 0, 3)
    await assert_audit_holds(inventory)


async def test_less_of_what_lies_there_in_lots_needs_the_lot(inventory: Stubs) -> None:
    sku = await stocked(inventory, 1)
    await received(inventory, sku, 3, lot="LATE", expiry_date=_day(90))
    await received(inventory, sku, 5, lot="SOON", expiry_date=_day(9))
    request = pb.AdjustStockRequest(request_id=new_id("r"), sku=sku, location="berlin", delta=-2, reason="broken")
    error = await refused(call(inventory.stock.AdjustStock, request))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LOT_REQUIRED")
    lots = {"lots[0].lot": "SOON", "lots[0].on_hand": "5", "lots[1].lot": "LATE", "lots[1].on_hand": "3"}
    level = {"sku": sku, "location": "berlin", "field": "lot", "unnamed": "1", "lots": "2"}
    assert dict(error.metadata) == level | lots
    request.lot, request.request_id = "SOON", new_id("r")
    assert (await call(inventory.stock.AdjustStock, request)).level.on_hand == 7
    request.delta, request.request_id = -4, new_id("r")
    error = await refused(call(inventory.stock.AdjustStock, request))
    assert (error.reason, error.metadata["on_hand"]) == ("ON_HAND_NEGATIVE", "3")
    request.lot, request.delta, request.request_id = "", -1, new_id("r")
    assert (await call(inventory.stock.AdjustStock, request)).level.on_hand == 6
    await assert_audit_holds(inventory)


async def test_of_many_lots_the_first_to_expire_are_named(inventory: Stubs) -> None:
    sku = await stocked(inventory)
    for number in range(12):
        await received(inventory, sku, 1, lot=f"L-{number}", expiry_date=_day(90 - number))
    request = pb.AdjustStockRequest(request_id=new_id("r"), sku=sku, location="berlin", delta=-1, reason="broken")
    error = await refused(call(inventory.stock.AdjustStock, request))
    assert (error.metadata["lots"], error.metadata["lots[0].lot"]) == ("12", "L-11")
    assert "lots[9].lot" in error.metadata
    assert "lots[10].lot" not in error.metadata


async def test_no_level_has_more_on_hand_than_it_can_be_set_to(inventory: Stubs) -> None:
    sku = await stocked(inventory, MOST - 1)
    await received(inventory, sku, 1, lot="LAST")
    adjust = pb.AdjustStockRequest(sku=sku, location="berlin", delta=1, reason="found")
    receive = pb.ReceiveStockRequest(sku=sku, location="berlin", quantity=2)
    set_lot = pb.SetStockRequest(sku=sku, location="berlin", on_hand=3, lot="LAST")
    for method, request, change in (
        (inventory.stock.AdjustStock, adjust, 1),
        (inventory.stock.ReceiveStock, receive, 2),
        (inventory.stock.SetStock, set_lot, 2),
    ):
        request.request_id = new_id("r")
        error = await refused(call(method, request))
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LEVEL_TOO_HIGH")
        level = {"sku": sku, "location": "berlin"}
        assert dict(error.metadata) == level | {"on_hand": str(MOST), "change": str(change), "most": str(MOST)}
    whole = pb.SetStockRequest(request_id=new_id("r"), sku=sku, location="berlin", on_hand=MOST)
    assert (await call(inventory.stock.SetStock, whole)).level.on_hand == MOST
    whole.on_hand, whole.request_id = 1, new_id("r")
    assert (await call(inventory.stock.SetStock, whole)).level.on_hand == 1
    await assert_audit_holds(inventory)


async def test_receipts_at_once_do_not_pass_the_bound_together(inventory: Stubs) -> None:
    sku = await stocked(inventory, MOST - 3)
    found = await asyncio.gather(*(received(inventory, sku, 1) for _ in range(10)), return_exceptions=True)
    reasons = [error.reason for error in found if isinstance(error, ServiceError)]
    assert reasons == ["LEVEL_TOO_HIGH"] * 7
    assert numbers(await stock_of(inventory, sku))[0] == MOST
    await assert_audit_holds(inventory)


async def test_a_count_below_what_was_promised_is_recorded_as_a_shortfall(inventory: Stubs) -> None:
    sku = await stocked(inventory, 5)
    await reserved(inventory, line(sku, 4))
    request = pb.SetStockRequest(request_id=new_id("r"), sku=sku, location="berlin", on_hand=1)
    assert (await call(inventory.stock.SetStock, request)).level.available == -3
    assert (await refused(reserved(inventory, line(sku)))).metadata["lines[0].available"] == "0"
    await assert_audit_holds(inventory)


async def test_setting_needs_the_version_that_was_read(inventory: Stubs) -> None:
    sku = await stocked(inventory, 5)
    version = (await stock_of(inventory, sku)).levels[0].version
    request = pb.SetStockRequest(
        request_id=new_id("r"), sku=sku, location="berlin", on_hand=9, expected_version=version
    )
    assert (await call(inventory.stock.SetStock, request)).level.on_hand == 9
    request.request_id = new_id("r")
    assert (await refused(call(inventory.stock.SetStock, request))).reason == "VERSION_STALE"


async def test_setting_a_level_with_lots_takes_from_the_unnamed_lot_then_from_the_first_to_expire(
    inventory: Stubs,
) -> None:
    sku = await stocked(inventory, 2)
    await received(inventory, sku, 3, lot="SOON", expiry_date=_day(9))
    await received(inventory, sku, 4, lot="LATE", expiry_date=_day(90))
    request = pb.SetStockRequest(request_id=new_id("r"), sku=sku, location="berlin", on_hand=5, backorder_limit=2)
    assert (await call(inventory.stock.SetStock, request)).level.backorder_limit == 2
    [level] = (await stock_of(inventory, sku)).levels
    assert [(lot.lot, lot.on_hand) for lot in level.lots] == [("SOON", 1), ("LATE", 4)]
    await reserved(inventory, line(sku, 7))
    assert (await stock_of(inventory, sku)).available == -2
    await assert_audit_holds(inventory)


async def test_movements_tell_the_whole_story_newest_first(inventory: Stubs) -> None:
    sku = await stocked(inventory, 5)
    await committed(inventory, line(sku, 2))
    found = await call(inventory.stock.ListMovements, pb.ListMovementsRequest(sku=sku, page_size=2))
    rest = pb.ListMovementsRequest(sku=sku, page_size=2, page_token=found.next_page_token)
    kinds = [Movement.Kind.Name(one.kind) for one in found.movements]
    assert kinds == ["KIND_COMMIT", "KIND_RESERVE"]
    last = await call(inventory.stock.ListMovements, rest)
    assert ([one.on_hand_delta for one in last.movements], last.next_page_token) == ([5], "")


async def test_stock_is_listed_by_location_category_and_how_low_it_is(inventory: Stubs) -> None:
    low = await stocked(inventory, 1, "lyon", category="low/one")
    await stocked(inventory, 50, "lyon", category="low/two")
    request = pb.ListStockRequest(location="lyon", category="low", available_at_most=5)
    page = await call(inventory.stock.ListStock, request)
    assert [(level.sku, level.available) for level in page.levels] == [(low, 1)]
    locations = (await call(inventory.stock.ListLocations, pb.ListLocationsRequest())).locations
    assert [one.location.location for one in locations] == ["berlin", "lyon"]
    assert locations[1].on_hand >= 51


async def test_a_batch_read_keeps_the_order_and_tells_what_is_missing(inventory: Stubs) -> None:
    first, second = await stocked(inventory, 1), await stocked(inventory)
    found = await call(inventory.stock.BatchGetStock, pb.BatchGetStockRequest(skus=[second, "NOPE", first]))
    assert [(one.sku, one.available) for one in found.stocks] == [(second, 0), (first, 1)]
    assert list(found.missing) == ["NOPE"]


async def test_the_always_on_audit_tells_of_itself(inventory: Stubs) -> None:
    await stocked(inventory, 5)
    status = (await call(inventory.stock.GetAuditStatus, pb.GetAuditStatusRequest())).status
    assert (status.drift_up_units, status.drift_down_units, status.repairs, status.journal_mismatches) == (0, 0, 0, 0)
