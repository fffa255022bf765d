"""Cancelling a confirmed order whose goods were released without its knowledge, or have been shipped, all or in part."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.errors import ServiceError
from gen.order.v1 import order_pb2
from order_svc.clients.sandbox import Sandbox
from order_svc.store.sandbox_payments import SandboxPayments
from tests.order_svc.far_side import RELEASED, lost
from tests.order_svc.shop import Shop
from tests.order_svc.test_payments import CapturedProvider

Order, Payment = order_pb2.Order, order_pb2.Payment


async def bought(shop: Shop, units: int = 5, **fields: Any) -> order_pb2.Order:
    """A confirmed order of `units` serums at 13.00 each."""
    order = (await shop.place(lines=[("SERUM", units)], **fields)).order
    assert order.state == Order.STATE_CONFIRMED
    return order


async def states(shop: Shop, order_id: str) -> list[str]:
    """Its states so far, and the cause of the last one."""
    history = (await shop.get(order_id)).history
    return [*(Order.State.Name(one.to_state).removeprefix("STATE_") for one in history), history[-1].cause]


@pytest.mark.parametrize("given_back", [5, 2])
@pytest.mark.parametrize("codes", [[], ["TEN"]])
async def test_an_order_whose_goods_were_given_back_behind_its_back_is_cancelled_with_all_its_money(
    shop: Shop, given_back: int, codes: list[str]
) -> None:
    order = await bought(shop, codes=codes)
    shop.inventory.give_back(order.order_id, "SERUM", given_back)
    after = await shop.cancel(order.order_id)
    assert (after.state, after.payment.status) == (Order.STATE_CANCELLED, Payment.STATUS_VOIDED)
    assert after.payment.refunded_minor == order.total.amount_minor == after.lines[0].refunded_minor
    assert after.lines[0].cancelled_quantity == 5
    assert shop.inventory.held("SERUM") == 0
    await shop.audit()


@pytest.mark.parametrize("status", ["RELEASED", "absent"])
async def test_an_order_whose_sale_inventory_does_not_have_is_cancelled_and_its_sale_forbidden(
    shop: Shop, status: str
) -> None:
    order = await bought(shop)
    if status == "absent":  # inventory was restored from a backup that is older than the order
        del shop.inventory.reservations[order.order_id]
    else:
        shop.inventory.reservations[order.order_id].state = RELEASED
    assert (await shop.cancel(order.order_id)).state == Order.STATE_CANCELLED
    assert order.order_id in shop.inventory.reservations
    await shop.audit()


@pytest.mark.parametrize("provider", [Sandbox, CapturedProvider])
@pytest.mark.parametrize("given_back", [0, 1, 2])
async def test_an_order_of_which_a_part_has_left_gets_the_rest_back_and_its_money(
    shop: Shop, provider: type[Sandbox], given_back: int
) -> None:
    await shop.start(provider(SandboxPayments(shop.db)))
    order = await bought(shop, codes=["TEN"])  # 65.00 less 6.50
    shop.inventory.leave(order.order_id, "SERUM", 3)
    shop.inventory.give_back(order.order_id, "SERUM", given_back)
    after = await shop.cancel(order.order_id)
    assert (after.state, after.payment.status) == (Order.STATE_CONFIRMED, order.payment.status)
    assert (after.lines[0].cancelled_quantity, after.lines[0].refunded_minor) == (2, 2340)
    assert after.payment.refunded_minor == 2340
    assert after.total == order.total, "the purchase does not change"
    assert await shop.rows("SELECT refunded_minor, amount_minor FROM sandbox_payments") == [(2340, 5850)]
    assert shop.inventory.held("SERUM") == 3
    assert (await states(shop, order.order_id))[-3:] == ["CANCELLING", "CONFIRMED", "PART_OF_GOODS_HAS_LEFT"]
    assert after == await shop.cancel(order.order_id), "a repeat changes nothing"
    await shop.audit()


async def test_an_order_whose_goods_have_all_left_says_so_and_stays_as_it_is(shop: Shop) -> None:
    order = await bought(shop)
    shop.inventory.leave(order.order_id, "SERUM", 5)
    for _ in range(2):
        with pytest.raises(ServiceError) as caught:
            await shop.cancel(order.order_id)
        assert caught.value.reason == "ORDER_STATE_FORBIDS"
        assert caught.value.metadata == {"order_id": order.order_id, "state": "CONFIRMED", "why": "GOODS_HAVE_LEFT"}
        assert "left" in caught.value.message
    after = await shop.get(order.order_id)
    assert (after.payment.status, after.payment.refunded_minor) == (Payment.STATUS_AUTHORIZED, 0)
    assert after.lines[0].cancelled_quantity == 0
    await shop.audit()


async def test_what_left_counts_line_by_line(shop: Shop) -> None:
    order = (await shop.place(lines=[("SERUM", 2), ("CREAM", 3), ("FREE", 1)], codes=["TEN"])).order
    shop.inventory.leave(order.order_id, "SERUM", 2)
    shop.inventory.leave(order.order_id, "CREAM", 1)
    after = await shop.cancel(order.order_id)
    assert [line.cancelled_quantity for line in after.lines] == [0, 2, 1]
    # 3 creams cost 29.97 less 3.00; two of them carry 2.00 of the discount.
    assert [line.refunded_minor for line in after.lines] == [0, 2 * 999 - 200, 0]
    assert after.payment.refunded_minor == 1798
    await shop.audit()


async def test_when_all_that_left_was_free_all_the_money_goes_back(shop: Shop) -> None:
    order = (await shop.place(lines=[("SERUM", 2), ("FREE", 1)])).order
    shop.inventory.leave(order.order_id, "FREE", 1)
    after = await shop.cancel(order.order_id)
    assert (after.state, after.payment.status) == (Order.STATE_CONFIRMED, Payment.STATUS_VOIDED)
    assert after.payment.refunded_minor == 2600
    await shop.audit()


async def test_an_order_without_a_payment_gives_back_goods_only(shop: Shop) -> None:
    order = await bought(shop, codes=["ALL"])
    shop.inventory.leave(order.order_id, "SERUM", 1)
    after = await shop.cancel(order.order_id)
    assert (after.lines[0].cancelled_quantity, after.payment.refunded_minor) == (4, 0)
    assert after.payment.status == Payment.STATUS_NONE
    await shop.audit()


@pytest.mark.parametrize("left", [0, 2, 5])
async def test_many_cancellations_and_a_webhook_at_once_give_back_once(shop: Shop, left: int) -> None:
    order = await bought(shop, codes=["TEN"])
    shop.inventory.leave(order.order_id, "SERUM", left)
    cancelling = [shop.cancel(order.order_id) for _ in range(6)]
    reporting = [shop.report(order.payment.reference) for _ in range(3)]
    answers = await asyncio.gather(*cancelling, *reporting, return_exceptions=True)
    ended = answers[: len(cancelling)]
    if left == 5:
        assert all(isinstance(one, ServiceError) and one.reason == "ORDER_STATE_FORBIDS" for one in ended)
    else:
        assert all(one == ended[0] for one in ended), ended
    assert not any(isinstance(one, BaseException) for one in answers[len(cancelling) :])
    await shop.resume()
    owed = {0: 5850, 2: 3 * 1170, 5: 0}[left]
    assert await shop.rows("SELECT refunded_minor FROM sandbox_payments") == [(owed,)]
    assert await shop.rows("SELECT refunded_minor FROM orders") == [(owed,)]
    await shop.audit()


@pytest.mark.parametrize("moment", ["before the cancellation", "before its answer"])
async def test_goods_that_leave_while_the_order_is_cancelled_are_paid_and_the_others_are_not(
    shop: Shop, moment: str
) -> None:
    order = await bought(shop)
    shop.inventory.wire.held["CancelReservation"] = gate = asyncio.Event()
    if moment == "before its answer":
        shop.inventory.wire.after["CancelReservation"] = [lost()]
    cancelling = asyncio.create_task(shop.cancel(order.order_id))
    await shop.inventory.wire.called("CancelReservation")
    shop.inventory.leave(order.order_id, "SERUM", 3)
    gate.set()
    after = await cancelling
    assert (after.lines[0].cancelled_quantity, after.payment.refunded_minor) == (2, 2600)
    assert shop.inventory.held("SERUM") == 3
    await shop.audit()


async def test_money_that_the_provider_does_not_give_back_keeps_the_order_open(shop: Shop) -> None:
    class Stubborn(Sandbox):
        async def void_part(self, key: str, part_key: str, amount_minor: int) -> Any:  # noqa: ARG002
            return await self.lookup(key)

    await shop.start(Stubborn(SandboxPayments(shop.db)))
    order = await bought(shop)
    shop.inventory.leave(order.order_id, "SERUM", 3)
    shop.patience_s = 0.6
    assert (await shop.cancel(order.order_id)).state == Order.STATE_CANCELLING
    await shop.start()
    await shop.resume()
    after = await shop.get(order.order_id)
    assert (after.state, after.payment.refunded_minor) == (Order.STATE_CONFIRMED, 2600)
    await shop.audit()


async def test_an_order_that_an_earlier_release_stored_is_given_back_alike(shop: Shop) -> None:
    order = await bought(shop)
    earlier = "lines #- '{0,cancelled_quantity}' #- '{0,refunded_minor}'"
    await shop.execute(f"UPDATE orders SET lines = {earlier}")
    assert (await shop.get(order.order_id)).lines[0].cancelled_quantity == 0
    shop.inventory.leave(order.order_id, "SERUM", 4)
    after = await shop.cancel(order.order_id)
    assert (after.lines[0].cancelled_quantity, after.payment.refunded_minor) == (1, 1300)
    await shop.audit()
