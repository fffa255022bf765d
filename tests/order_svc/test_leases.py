"""One saga, several runners: leases expire, and a superseded runner gives way."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.order.v1 import order_pb2
from tests.order_svc.shop import Shop, basket, new_id

Order = order_pb2.Order
OVERDUE = "UPDATE orders SET due_at = now() WHERE due_at IS NOT NULL"


async def test_a_leased_order_is_left_to_its_runner(shop: Shop) -> None:
    shop.inventory.wire.held["ReserveStock"] = gate = asyncio.Event()
    placing = asyncio.create_task(shop.place())
    await shop.inventory.wire.called("ReserveStock")
    assert await shop.service.resume.run_once() == 0
    ((seconds,),) = await shop.rows("SELECT extract(epoch FROM due_at - now())::int FROM orders")
    assert 25 <= seconds <= 30, "a crash must be resumed within a minute"
    gate.set()
    assert (await placing).order.state == Order.STATE_CONFIRMED


async def test_a_runner_that_was_overtaken_answers_with_what_the_other_did(shop: Shop) -> None:
    request_id = new_id()
    shop.inventory.wire.held["CommitReservation"] = gate = asyncio.Event()
    placing = asyncio.create_task(shop.place(request_id=request_id, codes=["TEN"]))
    await shop.inventory.wire.called("CommitReservation")
    await shop.execute(OVERDUE)
    resuming = asyncio.create_task(shop.service.resume.run_once())
    await shop.inventory.wire.called("CommitReservation", times=2)
    gate.set()
    assert await resuming == 1
    assert (await placing).order.state == Order.STATE_CONFIRMED
    assert len(await shop.rows("SELECT 1 FROM outbox WHERE type = 'order.order.confirmed'")) == 1
    await shop.audit()


async def test_a_repeat_is_not_answered_with_the_middle_of_a_run(shop: Shop) -> None:
    request_id = new_id()
    shop.inventory.wire.held["CommitReservation"] = gate = asyncio.Event()
    placing = asyncio.create_task(shop.place(request_id=request_id))
    await shop.inventory.wire.called("CommitReservation")
    async with shop.sibling() as other:
        with pytest.raises(ServiceError) as caught:
            await client.call(other.PlaceOrder, basket(request_id=request_id), timeout_s=0.6)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    gate.set()
    assert (await placing).order.state == Order.STATE_CONFIRMED


async def test_two_workers_share_what_is_due_and_run_nothing_twice(shop: Shop) -> None:
    for _ in range(6):
        await shop.place(token="tok_3ds")
    await shop.execute(OVERDUE)
    shop.inventory.wire.calls.clear()
    for reference in await shop.rows("SELECT reference FROM sandbox_payments"):
        await shop.provider.hear(reference[0], True, "")
    ran = await asyncio.gather(*(shop.service.resume.run_once() for _ in range(4)))
    assert sum(ran) == 6
    assert shop.inventory.wire.calls.count("CommitReservation") == 6
    await shop.audit()
