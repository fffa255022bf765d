"""The purchase history follows orders: each version once, the newest wins, in any order of arrival."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import grpc
import pytest

from chassis import client
from chassis.db import Database
from chassis.events.broker import Broker
from chassis.events.consumer import Consumer
from chassis.events.event import Event
from gen.promo.v1 import customer_service_pb2 as pb
from gen.promo.v1.customer_service_pb2_grpc import CustomerServiceStub
from tests.promo_svc import calls, told
from tests.promo_svc.builders import NOW

Sql = Callable[..., list[tuple[Any, ...]]]
ROWS = """
SELECT line, sku, quantity, total_minor, purchased_at IS NOT NULL, cancelled_at FROM purchases
 WHERE order_id = %s ORDER BY line"""
COUNTED = "SELECT count(*), count(purchased_at), count(cancelled_at) FROM purchases WHERE order_id = ANY (%s)"
PARKED = "SELECT key, state FROM parked_events WHERE consumer = 'purchases' ORDER BY position"


async def _history(customers: CustomerServiceStub, customer_id: str, **fields: Any) -> pb.GetPurchaseHistoryResponse:
    request = pb.GetPurchaseHistoryRequest(customer_id=customer_id, **fields)
    answer: pb.GetPurchaseHistoryResponse = await client.call(customers.GetPurchaseHistory, request)
    return answer


async def test_a_confirmed_order_is_a_purchase_line_by_line(
    on_orders: Consumer, customers: CustomerServiceStub
) -> None:
    order = calls.new_id("order")
    lines = (told.SERUM, told.LIPSTICK)
    await on_orders.take(told.batch(told.order(order, 2, customer_id="reader", lines=lines)))
    page = await _history(customers, "reader")
    assert [(each.order_id, each.sku, each.quantity, each.total.amount_minor) for each in page.purchases] == [
        (order, "SERUM-30", 2, 1_800),
        (order, "LIP-RED", 1, 1_500),
    ]
    assert [each.purchase_time.ToDatetime() for each in page.purchases] == [NOW.replace(tzinfo=None)] * 2
    assert not any(each.HasField("cancel_time") for each in page.purchases)
    assert page.purchases[0].total.currency == "EUR"


async def test_what_was_given_back_of_an_order_is_no_purchase(on_orders: Consumer, sql: Sql) -> None:
    order, lines = calls.new_id("order"), (told.SERUM, told.LIPSTICK)
    given_back = {"SERUM-30": (1, 900), "LIP-RED": (1, 1_500)}
    await on_orders.take(told.batch(told.order(order, 2, lines=lines)))
    await on_orders.take(told.batch(told.order(order, 4, lines=lines, given_back=given_back)))
    assert [row[:4] for row in sql(ROWS, order)] == [(0, "SERUM-30", 1, 900)]
    all_of_it = {"SERUM-30": (2, 1_800), "LIP-RED": (1, 1_500)}
    whole = calls.new_id("order")
    await on_orders.take(told.batch(told.order(whole, 4, "CANCELLED", lines=lines, given_back=all_of_it)))
    assert [row[:4] for row in sql(ROWS, whole)] == [(0, *told.SERUM), (1, *told.LIPSTICK)]


async def test_the_history_is_paged_newest_order_first(on_orders: Consumer, customers: CustomerServiceStub) -> None:
    orders = [calls.new_id("order") for _ in range(5)]
    times = (0, 3, 1, 3, 2)  # two at the same instant
    for order, day in zip(orders, times, strict=True):
        at = NOW + timedelta(days=day)
        event = told.order(order, 2, customer_id="pager", placed_at=at, lines=(told.SERUM, told.LIPSTICK))
        await on_orders.take(told.batch(event))
    seen: list[tuple[str, str]] = []
    token = ""
    for _ in range(4):
        page = await _history(customers, "pager", page_size=3, page_token=token)
        seen += [(each.order_id, each.sku) for each in page.purchases]
        token = page.next_page_token
    assert token == ""
    newest = sorted(zip(times, orders, strict=True), reverse=True)
    assert seen == [(order, sku) for _, order in newest for sku in ("SERUM-30", "LIP-RED")]


CONFIRMED = (2, "CONFIRMED", (told.SERUM, told.LIPSTICK))
GOODS_HAD_LEFT = (4, "CONFIRMED", (told.SERUM,))
CANCELLED = (6, "CANCELLED", (told.SERUM,))


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("versions", "ends"),
    [((CONFIRMED, GOODS_HAD_LEFT), None), ((CONFIRMED, CANCELLED), 6), ((CONFIRMED, GOODS_HAD_LEFT, CANCELLED), 6)],
)
async def test_the_newest_version_wins_whatever_order_they_come_in(
    on_orders: Consumer, sql: Sql, versions: Sequence[tuple[Any, ...]], ends: int | None, at_once: bool
) -> None:
    for order_of_arrival in itertools.permutations(versions):
        order = calls.new_id("order")
        events = [told.order(order, version, state, lines=lines) for version, state, lines in order_of_arrival]
        await _take(on_orders, [*events, *events], at_once)
        cancelled_at = NOW + timedelta(minutes=ends) if ends else None
        assert sql(ROWS, order) == [(0, "SERUM-30", 2, 1_800, True, cancelled_at)], order_of_arrival


async def _take(consumer: Consumer, events: Sequence[Event], at_once: bool) -> None:
    for each in [events] if at_once else [[event] for event in events]:
        await consumer.take(told.batch(*each))


async def test_a_cancelled_order_stays_in_the_history_and_says_when(
    on_orders: Consumer, customers: CustomerServiceStub
) -> None:
    order = calls.new_id("order")
    await on_orders.take(told.batch(told.order(order, 2, customer_id="regrets")))
    await on_orders.take(told.batch(told.order(order, 4, "CANCELLED", customer_id="regrets")))
    (purchase,) = (await _history(customers, "regrets")).purchases
    assert purchase.cancel_time.ToDatetime() == (NOW + timedelta(minutes=4)).replace(tzinfo=None)


async def test_what_was_never_confirmed_and_what_guests_bought_is_no_history(
    on_orders: Consumer, customers: CustomerServiceStub, sql: Sql
) -> None:
    declined, undone, guest = (calls.new_id("order") for _ in range(3))
    events = [
        told.order(declined, 2, "CANCELLED", customer_id="declined", previous="PRICED"),
        told.order(undone, 4, "CANCELLED", customer_id="declined", previous="CANCELLING"),
        told.order(guest, 2, customer_id=""),
    ]
    await on_orders.take(told.batch(*events))
    assert not (await _history(customers, "declined")).purchases
    assert sql(ROWS, declined) == sql(ROWS, guest) == []
    assert sql(PARKED) == []


async def test_an_event_that_cannot_be_handled_stops_its_order_only(on_orders: Consumer, sql: Sql) -> None:
    poisoned, other = calls.new_id("order"), calls.new_id("order")
    broken = told.broken("order", "order.order.confirmed", poisoned)
    await on_orders.take(told.batch(broken, told.order(other, 2), told.order(poisoned, 4)))
    assert len(sql(ROWS, other)) == 1
    assert sql(ROWS, poisoned) == []
    assert sql(PARKED) == [(poisoned, "RETRYING"), (poisoned, "WAITING")]


async def test_two_consumers_at_once_have_each_effect_once(
    on_orders: Consumer, database: Database, broker: Broker, sql: Sql
) -> None:
    other = Consumer(database, broker, "purchases", ["order"], on_orders._types, on_orders._handle)
    orders = [calls.new_id("order") for _ in range(20)]
    placed = [told.order(order, 2) for order in orders]
    undone = [told.order(order, 4, "CANCELLED") for order in orders]
    await asyncio.gather(
        on_orders.take(told.batch(*placed)),
        other.take(told.batch(*placed)),
        other.take(told.batch(*reversed(undone))),
        on_orders.take(told.batch(*undone)),
    )
    assert sql(COUNTED, orders) == [(20, 20, 20)]


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"customer_id": ""}, "customer_id", "FIELD_REQUIRED"),
        ({"customer_id": "x" * 101}, "customer_id", "FIELD_INVALID"),
        ({"customer_id": "a\x00b"}, "customer_id", "FIELD_INVALID"),
        ({"page_size": -1}, "page_size", "FIELD_INVALID"),
        ({"page_size": 501}, "page_size", "FIELD_INVALID"),
        ({"page_token": "mine"}, "page_token", "PAGE_TOKEN_INVALID"),
    ],
)
async def test_a_history_that_is_asked_for_wrongly_names_the_field(
    customers: CustomerServiceStub, fields: dict[str, Any], path: str, reason: str
) -> None:
    error = await calls.refused(_history(customers, **{"customer_id": "c", **fields}))
    assert (error.code, error.reason, error.metadata["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, reason, path)


async def test_a_page_token_fits_its_own_customer_only(on_orders: Consumer, customers: CustomerServiceStub) -> None:
    orders = [told.order(calls.new_id("order"), 2, customer_id="owner") for _ in range(2)]
    await on_orders.take(told.batch(*orders))
    token = (await _history(customers, "owner", page_size=1)).next_page_token
    error = await calls.refused(_history(customers, "somebody", page_token=token))
    assert error.reason == "PAGE_TOKEN_INVALID"
