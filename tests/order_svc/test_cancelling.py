"""CancelOrder: of confirmed orders, of orders in progress, of shipped goods, and while a dependency is down."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.order.v1 import order_pb2, order_service_pb2
from tests.order_svc.far_side import lost
from tests.order_svc.shop import Shop, new_id

Order, Payment = order_pb2.Order, order_pb2.Payment


async def test_a_confirmed_order_is_undone_in_full(shop: Shop) -> None:
    order = (await shop.place(codes=["TEN"])).order
    after = await shop.cancel(order.order_id, reason="too late")
    assert (after.state, after.cause) == (Order.STATE_CANCELLED, "too late")
    assert after.payment.status == Payment.STATUS_VOIDED
    assert shop.inventory.held("SERUM") == 0
    assert shop.promotions.used("TEN") == 0
    history = (await shop.get(order.order_id)).history
    assert [change.to_state for change in history][-2:] == [Order.STATE_CANCELLING, Order.STATE_CANCELLED]
    await shop.audit()


async def test_cancelling_again_changes_nothing(shop: Shop) -> None:
    order = (await shop.place()).order
    answers = await asyncio.gather(*(shop.cancel(order.order_id) for _ in range(5)))
    first = answers[0]
    assert all(answer == first for answer in [*answers, await shop.cancel(order.order_id)])
    assert shop.inventory.wire.calls.count("CancelReservation") == 1
    await shop.audit()


async def test_a_repeat_of_place_order_answers_the_cancelled_order_as_it_is(shop: Shop) -> None:
    request_id = new_id()
    order = (await shop.place(request_id=request_id)).order
    await shop.cancel(order.order_id)
    answer = await shop.place(request_id=request_id)
    assert (answer.order.state, answer.replayed) == (Order.STATE_CANCELLED, True)


async def test_an_order_whose_goods_have_left_stays_confirmed(shop: Shop) -> None:
    order = (await shop.place(codes=["TEN"])).order
    shop.inventory.leave(order.order_id, "SERUM", 2)
    with pytest.raises(ServiceError) as caught:
        await shop.cancel(order.order_id)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ORDER_STATE_FORBIDS")
    assert caught.value.metadata == {"order_id": order.order_id, "state": "CONFIRMED", "why": "GOODS_HAVE_LEFT"}
    after = await shop.get(order.order_id)
    assert (after.state, after.payment.status) == (Order.STATE_CONFIRMED, Payment.STATUS_AUTHORIZED)
    await shop.audit()


async def test_an_unknown_order_is_not_found(shop: Shop) -> None:
    with pytest.raises(ServiceError) as caught:
        await shop.cancel("ord_nobody")
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


async def test_an_order_that_waits_for_the_bank_is_undone_at_once(shop: Shop) -> None:
    order = (await shop.place(token="tok_3ds", codes=["TEN"])).order
    assert (await shop.cancel(order.order_id)).state == Order.STATE_CANCELLED
    late = await shop.report(order.payment.reference)
    assert (late.order.state, late.order.payment.status) == (Order.STATE_CANCELLED, Payment.STATUS_VOIDED)
    await shop.audit()


@pytest.mark.parametrize("step", ["ReserveStock", "CommitReservation"])
async def test_an_order_under_way_is_undone_by_whoever_runs_it(shop: Shop, step: str) -> None:
    request_id = new_id()
    shop.inventory.wire.held[step] = gate = asyncio.Event()
    placing = asyncio.create_task(shop.place(request_id=request_id))
    await shop.inventory.wire.called(step)
    ((order_id,),) = await shop.rows("SELECT order_id FROM orders")
    cancelling = asyncio.create_task(shop.cancel(order_id))
    shop.promotions.wire.calls.clear()
    while not await shop.rows("SELECT 1 FROM orders WHERE cancel_cause IS NOT NULL"):
        pass
    gate.set()
    assert (await cancelling).state == Order.STATE_CANCELLED
    with pytest.raises(ServiceError) as caught:
        await placing
    assert caught.value.reason == "ORDER_STATE_FORBIDS"
    assert shop.inventory.held("SERUM") == 0
    await shop.audit()


async def test_while_a_dependency_is_down_the_order_is_cancelling_and_the_worker_ends_it(shop: Shop) -> None:
    order = (await shop.place()).order
    shop.inventory.wire.before["CancelReservation"] = [lost()] * 1000
    request = order_service_pb2.CancelOrderRequest(request_id=new_id(), order_id=order.order_id)
    answer = await client.call(shop.orders.CancelOrder, request, timeout_s=0.6)
    assert answer.order.state == Order.STATE_CANCELLING
    shop.inventory.wire.before.clear()
    await shop.resume()
    assert (await shop.get(order.order_id)).state == Order.STATE_CANCELLED
    await shop.audit()
