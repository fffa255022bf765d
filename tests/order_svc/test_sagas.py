"""How operators inspect and control sagas."""

from __future__ import annotations

import grpc
import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.order.v1 import order_pb2, saga_service_pb2
from order_svc.domain.saga import RETRIES_MOST
from tests.order_svc.far_side import lost
from tests.order_svc.shop import Shop, new_id

Order = order_pb2.Order


async def stuck_order(shop: Shop, step: str = "ReserveStock") -> str:
    """An order whose inventory is down, after its retries ended."""
    shop.inventory.wire.before[step] = [lost()] * 10_000
    with pytest.raises(ServiceError):
        await shop.place(within_s=0.5)
    await shop.execute("UPDATE orders SET attempts = %s", RETRIES_MOST)
    await shop.resume()
    ((order_id,),) = await shop.rows("SELECT order_id FROM orders")
    shop.inventory.wire.before.clear()
    return str(order_id)


async def retry(shop: Shop, order_id: str) -> saga_service_pb2.Saga:
    request = saga_service_pb2.RetrySagaRequest(request_id=new_id(), order_id=order_id)
    answer: saga_service_pb2.RetrySagaResponse = await client.call(shop.sagas.RetrySaga, request)
    return answer.saga


async def force(shop: Shop, order_id: str) -> saga_service_pb2.Saga:
    request = saga_service_pb2.ForceCancelSagaRequest(request_id=new_id(), order_id=order_id, reason="support call")
    answer: saga_service_pb2.ForceCancelSagaResponse = await client.call(shop.sagas.ForceCancelSaga, request)
    return answer.saga


async def test_when_retries_end_a_person_must_look(shop: Shop) -> None:
    order_id = await stuck_order(shop)
    (saga,) = await shop.stuck()
    assert (saga.order_id, saga.state) == (order_id, Order.STATE_NEEDS_REVIEW)
    assert "connection reset" in saga.last_error
    assert not saga.HasField("next_attempt_time")


async def test_a_saga_shows_its_steps_and_what_came_of_them(shop: Shop) -> None:
    shop.inventory.wire.before["ReserveStock"] = [lost()]
    order = (await shop.place(codes=["TEN"])).order
    request = saga_service_pb2.GetSagaRequest(order_id=order.order_id)
    saga = (await client.call(shop.sagas.GetSaga, request)).saga
    assert [(step.step, step.outcome) for step in saga.steps] == [
        ("reserve", "UNAVAILABLE: connection reset"),
        ("reserve", "ok"),
        ("redeem", "ok"),
        ("authorize", "ok"),
        ("commit_redemption", "ok"),
        ("commit_reservation", "ok"),
    ]


async def test_a_retry_goes_on_where_the_saga_stood(shop: Shop) -> None:
    order_id = await stuck_order(shop)
    saga = await retry(shop, order_id)
    assert (saga.state, saga.attempts) == (Order.STATE_CONFIRMED, 0)
    assert await shop.stuck() == []
    await shop.audit()


async def test_a_paid_order_whose_goods_could_not_be_committed_is_retried_too(shop: Shop) -> None:
    order_id = await stuck_order(shop, "CommitReservation")
    assert (await shop.get(order_id)).state == Order.STATE_NEEDS_REVIEW
    assert (await retry(shop, order_id)).state == Order.STATE_CONFIRMED
    await shop.audit()


@pytest.mark.parametrize("step", ["ReserveStock", "CommitReservation"])
async def test_a_person_can_undo_a_stuck_order(shop: Shop, step: str) -> None:
    order_id = await stuck_order(shop, step)
    assert (await force(shop, order_id)).state == Order.STATE_CANCELLED
    assert (await shop.get(order_id)).cause == "support call"
    await shop.audit()


async def test_what_ended_is_neither_retried_nor_forced(shop: Shop) -> None:
    order = (await shop.place()).order
    for steer in (retry, force):
        with pytest.raises(ServiceError) as caught:
            await steer(shop, order.order_id)
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ORDER_STATE_FORBIDS")
        with pytest.raises(ServiceError) as caught:
            await steer(shop, "ord_nobody")
        assert caught.value.reason == "ORDER_NOT_FOUND"


async def test_an_order_at_the_customers_bank_is_stuck_only_when_its_time_is_up(shop: Shop) -> None:
    order = (await shop.place(token="tok_3ds")).order
    await shop.execute("UPDATE orders SET created_at = now() - interval '10 minutes'")
    assert await shop.stuck() == []
    await shop.execute("UPDATE orders SET payment_deadline = now() - interval '1 second'")
    assert [saga.order_id for saga in await shop.stuck()] == [order.order_id]


async def test_retrying_an_order_that_waits_for_the_bank_keeps_its_deadline(shop: Shop) -> None:
    order = (await shop.place(token="tok_3ds")).order
    before = await shop.rows("SELECT payment_deadline FROM orders")
    saga = await retry(shop, order.order_id)
    assert saga.state == Order.STATE_AUTHORIZING
    assert await shop.rows("SELECT payment_deadline FROM orders") == before
    assert await shop.service.resume.run_once() == 0
