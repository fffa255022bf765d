"""Back-in-stock notices: first come first served, each sent once, never more than the stock allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from chassis import client
from chassis.db import Database
from chassis.events.broker import Broker
from chassis.events.consumer import Consumer
from chassis.events.event_types import EventTypes
from gen.promo.v1 import customer_service_pb2 as pb
from gen.promo.v1 import events_pb2
from gen.promo.v1.back_in_stock_pb2 import BackInStockNotice
from gen.promo.v1.customer_service_pb2_grpc import CustomerServiceStub
from promo_svc.domain.notice import MOST_OF_CUSTOMER, MOST_OF_SKU, NOTICES_PER_UNIT, Wish
from promo_svc.store import notices, stock
from tests.promo_svc import calls, told

Sql = Callable[..., list[tuple[Any, ...]]]
ANNOUNCED = "promo.back_in_stock.announced"
TOLD = f"SELECT key FROM outbox WHERE type = '{ANNOUNCED}' AND payload ->> 'sku' = %s ORDER BY id"
WAITING = "SELECT customer_id FROM back_in_stock_requests WHERE sku = %s ORDER BY place"
CROWD = """
INSERT INTO back_in_stock_requests (customer_id, sku, channel, email)
SELECT %s || CASE WHEN %s THEN n::text ELSE '' END, %s || CASE WHEN %s THEN '' ELSE n::text END, '', ''
  FROM generate_series(1, %s) AS n ORDER BY n"""


def _sku() -> str:
    return calls.new_id("NOTICE")


async def _ask(customers: CustomerServiceStub, customer_id: str, sku: str, **fields: Any) -> Any:
    request = pb.RequestBackInStockNoticeRequest(
        **{"request_id": calls.new_id("ask"), "customer_id": customer_id, "sku": sku, **fields}
    )
    return await client.call(customers.RequestBackInStockNotice, request, calls.TIMEOUT_S)


async def _waits_for(customers: CustomerServiceStub, customer_id: str, **page: Any) -> Any:
    request = pb.ListBackInStockNoticesRequest(customer_id=customer_id, **page)
    return await client.call(customers.ListBackInStockNotices, request)


async def _cancel(customers: CustomerServiceStub, customer_id: str, sku: str, request_id: str = "") -> Any:
    request = pb.CancelBackInStockNoticeRequest(
        request_id=request_id or calls.new_id("cancel"), customer_id=customer_id, sku=sku
    )
    return await client.call(customers.CancelBackInStockNotice, request)


async def _crowd(database: Database, *, customers: str, skus: str, many_customers: bool, count: int) -> None:
    """Inserts `count` open requests: of many customers for one sku, or of one customer for many."""
    async with database.transaction() as tx:
        await tx.execute(CROWD, (customers, many_customers, skus, many_customers, count))


async def test_who_waits_is_told_when_the_sku_is_back(
    customers: CustomerServiceStub, on_stock: Consumer, event_types: EventTypes, sql: Sql
) -> None:
    sku = _sku()
    notice = (await _ask(customers, "waits", sku, channel="web", email="ada@example.com")).notice
    assert (notice.customer_id, notice.sku, notice.channel, notice.email) == ("waits", sku, "web", "ada@example.com")
    assert list((await _waits_for(customers, "waits")).notices) == [notice]
    await on_stock.take(told.batch(told.level(sku, 7, 1)))
    assert not (await _waits_for(customers, "waits")).notices
    ((key, payload),) = sql(
        "SELECT key, payload FROM outbox WHERE type = %s AND payload ->> 'sku' = %s", ANNOUNCED, sku
    )
    assert key == "waits"
    assert events_pb2.BackInStock.FromString(event_types.encode(ANNOUNCED, payload)) == events_pb2.BackInStock(
        customer_id="waits",
        sku=sku,
        available=7,
        request_time=notice.request_time,
        channel="web",
        email="ada@example.com",
    )


async def test_those_who_came_first_are_told_first_and_no_more_than_the_units_allow(
    customers: CustomerServiceStub, on_stock: Consumer, sql: Sql
) -> None:
    sku, waiting = _sku(), [f"w{number}" for number in range(2 * NOTICES_PER_UNIT + 1)]
    for customer in waiting:
        await _ask(customers, customer, sku)
    await on_stock.take(told.batch(told.level(sku, 0, 1)))
    assert sql(TOLD, sku) == []
    await on_stock.take(told.batch(told.level(sku, 1, 2)))
    assert [row[0] for row in sql(TOLD, sku)] == waiting[:NOTICES_PER_UNIT]
    await on_stock.take(told.batch(told.level(sku, 5, 3)))
    assert [row[0] for row in sql(WAITING, sku)] == waiting[NOTICES_PER_UNIT:], (
        "more stock of an available sku is not a crossing"
    )
    await on_stock.take(told.batch(told.level(sku, 0, 4)))
    await on_stock.take(told.batch(told.level(sku, 1, 5)))
    assert [row[0] for row in sql(TOLD, sku)] == waiting[: 2 * NOTICES_PER_UNIT]
    assert [row[0] for row in sql(WAITING, sku)] == waiting[2 * NOTICES_PER_UNIT :]


async def test_units_that_are_owed_elsewhere_bring_nothing_back(
    customers: CustomerServiceStub, on_stock: Consumer, sql: Sql
) -> None:
    sku = _sku()
    await on_stock.take(told.batch(told.level(sku, -5, 1), told.level(sku, 0, 1, "paris")))
    await _ask(customers, "patient", sku)
    await on_stock.take(told.batch(told.level(sku, 5, 2, "paris")))
    assert sql(TOLD, sku) == [], "five available here, five owed there"
    await on_stock.take(told.batch(told.level(sku, 8, 3, "paris"), told.level(sku, 2, 4, "paris")))
    assert sql(TOLD, sku) == [], "back and gone again within one batch"
    await on_stock.take(told.batch(told.level(sku, 0, 2)))
    assert sql(TOLD, sku) == [("patient",)]


async def test_what_is_in_stock_is_not_waited_for(customers: CustomerServiceStub, on_stock: Consumer) -> None:
    sku = _sku()
    await on_stock.take(told.batch(told.level(sku, 3, 1)))
    error = await calls.refused(_ask(customers, "late", sku))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SKU_IN_STOCK")
    assert dict(error.metadata) == {"sku": sku, "available": "3"}
    assert not (await _waits_for(customers, "late")).notices


async def test_events_that_come_again_or_late_tell_nobody_twice(
    customers: CustomerServiceStub, on_stock: Consumer, database: Database, broker: Broker, sql: Sql
) -> None:
    sku, other = _sku(), Consumer(database, broker, "stock", ["inventory"], on_stock._types, on_stock._handle)
    for number in range(10):
        await _ask(customers, f"c{number}", sku)
    back = told.level(sku, 2, 2)
    again = told.level(sku, 2, 2)  # the same version under another id
    await asyncio.gather(*(one.take(told.batch(event)) for event in (back, again, back) for one in (on_stock, other)))
    await on_stock.take(told.batch(told.level(sku, 0, 1)))
    assert [row[0] for row in sql(TOLD, sku)] == [f"c{number}" for number in range(2 * NOTICES_PER_UNIT)]


async def test_a_consumer_that_dies_in_the_middle_has_told_nobody(
    customers: CustomerServiceStub, on_stock: Consumer, database: Database, sql: Sql
) -> None:
    sku = _sku()
    await _ask(customers, "survivor", sku)
    back = told.level(sku, 4, 1)
    with pytest.raises(RuntimeError):
        async with database.transaction() as tx:
            await on_stock._handle(tx, [back])
            raise RuntimeError("killed")
    assert (sql(TOLD, sku), sql(WAITING, sku)) == ([], [("survivor",)])
    await on_stock.take(told.batch(back))
    assert (sql(TOLD, sku), sql(WAITING, sku)) == ([("survivor",)], [])


async def test_who_asks_while_the_sku_comes_back_is_told_at_once_that_it_is_there(
    customers: CustomerServiceStub, on_stock: Consumer, database: Database, sql: Sql
) -> None:
    sku = _sku()
    await on_stock.take(told.batch(told.level(sku, 0, 1)))
    async with database.transaction() as tx:
        await on_stock._handle(tx, [told.level(sku, 6, 2)])
        asking = asyncio.create_task(calls.refused(_ask(customers, "racer", sku)))
        await calls.stands_still(sql, asking)
    assert (await asking).reason == "SKU_IN_STOCK"
    assert sql(WAITING, sku) == []


async def test_a_sku_that_comes_back_while_somebody_asks_is_announced_to_them(
    on_stock: Consumer, database: Database, sql: Sql
) -> None:
    sku = _sku()
    async with database.transaction() as tx:
        await stock.lock(tx, [sku])
        await notices.put(tx, Wish("just-in-time", sku))
        coming = asyncio.create_task(on_stock.take(told.batch(told.level(sku, 6, 1))))
        await calls.stands_still(sql, coming)
    await coming
    assert sql(TOLD, sku) == [("just-in-time",)]


async def test_a_request_that_is_repeated_after_the_notice_waits_for_no_second_one(
    customers: CustomerServiceStub, on_stock: Consumer, sql: Sql
) -> None:
    sku, request_id = _sku(), calls.new_id("ask")
    first = await _ask(customers, "repeats", sku, request_id=request_id)
    await on_stock.take(told.batch(told.level(sku, 1, 1)))
    await on_stock.take(told.batch(told.level(sku, 0, 2)))
    again = await _ask(customers, "repeats", sku, request_id=request_id)
    assert (first.replayed, again.replayed, again.notice) == (False, True, first.notice)
    assert sql(WAITING, sku) == []
    error = await calls.refused(_ask(customers, "somebody", sku, request_id=request_id))
    assert error.reason == "REQUEST_ID_REUSED"


async def test_asking_again_keeps_the_place_in_line_and_takes_the_new_address(
    customers: CustomerServiceStub, sql: Sql
) -> None:
    sku = _sku()
    first = (await _ask(customers, "early", sku, email="old@example.com")).notice
    await _ask(customers, "later", sku)
    again = (await _ask(customers, "early", sku, email="new@example.com")).notice
    assert (again.email, again.request_time) == ("new@example.com", first.request_time)
    assert sql(WAITING, sku) == [("early",), ("later",)]


async def test_who_leaves_the_line_is_not_told(customers: CustomerServiceStub, on_stock: Consumer, sql: Sql) -> None:
    sku = _sku()
    await _ask(customers, "leaves", sku)
    await _ask(customers, "stays", sku)
    cancelled = await _cancel(customers, "leaves", sku, "cancel-once")
    assert (cancelled.cancelled, cancelled.replayed) == (True, False)
    again = await _cancel(customers, "leaves", sku, "cancel-once")
    assert (again.cancelled, again.replayed) == (True, True)
    assert not (await _cancel(customers, "leaves", sku)).cancelled
    await on_stock.take(told.batch(told.level(sku, 1, 1)))
    assert sql(TOLD, sku) == [("stays",)]
    assert not (await _cancel(customers, "stays", sku)).cancelled, "a notified customer no longer waits"


async def test_a_customer_waits_for_so_many_skus_at_most_however_they_ask(
    customers: CustomerServiceStub, database: Database
) -> None:
    sku = _sku()
    await _crowd(database, customers="greedy", skus=f"{sku}-", many_customers=False, count=MOST_OF_CUSTOMER - 1)
    asked = await asyncio.gather(
        *(_ask(customers, "greedy", f"{sku}-new{number}") for number in range(5)), return_exceptions=True
    )
    refused = [each for each in asked if isinstance(each, Exception)]
    assert len(refused) == 4
    error = await calls.refused(_ask(customers, "greedy", f"{sku}-more"))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CUSTOMER_NOTICES_FULL")
    assert dict(error.metadata) == {"customer_id": "greedy", "limit": str(MOST_OF_CUSTOMER)}
    await _ask(customers, "greedy", f"{sku}-1", email="kept@example.com")
    seen: list[BackInStockNotice] = []
    token = ""
    for _ in range(2):
        page = await _waits_for(customers, "greedy", page_size=60, page_token=token)
        seen, token = [*seen, *page.notices], page.next_page_token
    assert (len(seen), token) == (MOST_OF_CUSTOMER, "")
    assert [notice.sku for notice in seen] == sorted(notice.sku for notice in seen)


async def test_two_requests_of_one_customer_are_counted_one_after_the_other(
    customers: CustomerServiceStub, database: Database, sql: Sql
) -> None:
    sku = _sku()
    await _crowd(database, customers="twins", skus=f"{sku}-", many_customers=False, count=MOST_OF_CUSTOMER - 1)
    async with database.transaction() as tx:
        await notices.lock_customer(tx, "twins")
        await notices.put(tx, Wish("twins", f"{sku}-last"))
        asking = asyncio.create_task(calls.refused(_ask(customers, "twins", f"{sku}-one-more")))
        await calls.stands_still(sql, asking)
    assert (await asking).reason == "CUSTOMER_NOTICES_FULL"


async def test_so_many_customers_at_most_wait_for_a_sku_and_all_are_told_in_one_crossing(
    customers: CustomerServiceStub, on_stock: Consumer, database: Database, sql: Sql
) -> None:
    sku = _sku()
    await _crowd(database, customers="crowd-", skus=sku, many_customers=True, count=MOST_OF_SKU)
    error = await calls.refused(_ask(customers, "one-more", sku))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SKU_NOTICES_FULL")
    assert dict(error.metadata) == {"sku": sku, "limit": str(MOST_OF_SKU)}
    await _ask(customers, "crowd-7", sku)  # a customer with an open request may repeat it
    await on_stock.take(told.batch(told.level(sku, 10**9, 1)))
    assert [row[0] for row in sql(TOLD, sku)] == [f"crowd-{number}" for number in range(1, MOST_OF_SKU + 1)]


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"request_id": ""}, "request_id", "FIELD_REQUIRED"),
        ({"request_id": "two words"}, "request_id", "FIELD_INVALID"),
        ({"customer_id": ""}, "customer_id", "FIELD_REQUIRED"),
        ({"customer_id": "x" * 101}, "customer_id", "FIELD_INVALID"),
        ({"sku": ""}, "sku", "FIELD_REQUIRED"),
        ({"sku": "x" * 65}, "sku", "FIELD_INVALID"),
        ({"sku": "A\x00"}, "sku", "FIELD_INVALID"),
        ({"channel": "x" * 41}, "channel", "FIELD_INVALID"),
        ({"email": "nobody"}, "email", "FIELD_INVALID"),
        ({"email": "a@" + "b" * 253}, "email", "FIELD_INVALID"),
        ({"email": "a\x00@b"}, "email", "FIELD_INVALID"),
    ],
)
async def test_a_request_with_a_bad_field_is_not_kept(
    customers: CustomerServiceStub, sql: Sql, fields: dict[str, Any], path: str, reason: str
) -> None:
    before = sql("SELECT count(*) FROM back_in_stock_requests")
    error = await calls.refused(_ask(customers, **{"customer_id": "c", "sku": "S", **fields}))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert [violation.path for violation in error.violations] == [path]
    assert sql("SELECT count(*) FROM back_in_stock_requests") == before


async def test_lists_and_cancellations_name_their_bad_fields_too(customers: CustomerServiceStub) -> None:
    for call, path in (
        (_waits_for(customers, ""), "customer_id"),
        (_waits_for(customers, "c", page_size=501), "page_size"),
        (_waits_for(customers, "c", page_token="mine"), "page_token"),
        (_cancel(customers, "", "S"), "customer_id"),
        (_cancel(customers, "c", ""), "sku"),
        (_cancel(customers, "c", "S", "two words"), "request_id"),
    ):
        error = await calls.refused(call)
        assert (error.code, error.metadata["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, path)
