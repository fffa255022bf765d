"""GetOrder and ListOrders."""

from __future__ import annotations

import grpc
import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.order.v1 import order_pb2, order_service_pb2
from tests.order_svc.shop import Shop

Order, Request = order_pb2.Order, order_service_pb2.ListOrdersRequest


async def listed(shop: Shop, request: order_service_pb2.ListOrdersRequest) -> list[str]:
    answer = await client.call(shop.orders.ListOrders, request)
    return [order.order_id for order in answer.orders]


async def test_pages_go_from_the_newest_to_the_oldest_without_gap_or_repeat(shop: Shop) -> None:
    placed = [(await shop.place()).order.order_id for _ in range(5)]
    seen: list[str] = []
    token = ""
    while True:
        answer = await client.call(shop.orders.ListOrders, Request(page_size=2, page_token=token))
        seen += [order.order_id for order in answer.orders]
        token = answer.next_page_token
        if not token:
            break
    assert seen == placed[::-1]


async def test_orders_are_found_by_state_customer_and_time(shop: Shop) -> None:
    first = (await shop.place()).order
    other = order_pb2.Customer(id="c2", email="")
    second = (await shop.place(customer=other)).order
    await shop.cancel(second.order_id)
    assert await listed(shop, Request(state=Order.STATE_CONFIRMED)) == [first.order_id]
    assert await listed(shop, Request(customer_id="c2")) == [second.order_id]
    assert await listed(shop, Request(create_time_from=second.create_time)) == [second.order_id]
    assert await listed(shop, Request(create_time_to=second.create_time)) == [first.order_id]


async def test_a_token_of_another_query_is_refused(shop: Shop) -> None:
    for _ in range(2):
        await shop.place()
    token = (await client.call(shop.orders.ListOrders, Request(page_size=1))).next_page_token
    for request in (Request(page_token=token, customer_id="c1"), Request(page_token="nonsense")):
        with pytest.raises(ServiceError) as caught:
            await listed(shop, request)
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


async def test_an_unknown_order_is_not_found(shop: Shop) -> None:
    with pytest.raises(ServiceError) as caught:
        await shop.get("ord_nobody")
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
