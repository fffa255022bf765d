"""A promotion for first orders applies to one order of a customer, even among simultaneous ones, and again after its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import grpc
import pytest

from chassis.errors import ServiceError
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from tests.promo_svc import calls

ORDERS = 10
NOT_FIRST = "FIRST_ORDER_ONLY"


async def _outcome(call: Awaitable[pb.RedeemPromotionsResponse]) -> str:
    """The winning order, or the reason of the refusal."""
    try:
        return (await call).redemption.redemption_id
    except ServiceError as error:
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PROMOTION_NOT_APPLICABLE")
        return error.metadata["status"]


@pytest.mark.parametrize("times", [1, 3])
async def test_of_orders_at_once_by_one_customer_exactly_one_gets_it(promo: PromotionServiceStub, times: int) -> None:
    promotion_id = await calls.active(promo, code=f"AT-ONCE-{times}", first_order_only=True)
    customer, orders = calls.new_id("customer"), [calls.new_id("order") for _ in range(ORDERS)]
    found = await asyncio.gather(
        *(
            _outcome(calls.redeemed(promo, order, promotion_id, customer_id=customer))
            for order in orders
            for _ in range(times)
        )
    )
    counted = Counter(found)
    assert counted.pop(NOT_FIRST) == (ORDERS - 1) * times
    assert list(counted.values()) == [times]
    assert await calls.used(promo, promotion_id) == 1
    await calls.assert_audit_holds(promo)


async def test_every_customer_has_a_first_order_of_their_own(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, code="EACH-ONE", first_order_only=True)
    customers = [calls.new_id("customer") for _ in range(20)]
    found = await asyncio.gather(
        *(
            _outcome(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id=customer))
            for customer in customers * 2
        )
    )
    assert found.count(NOT_FIRST) == 20
    assert await calls.used(promo, promotion_id) == 20


async def test_two_promotions_for_first_orders_are_for_the_same_order(promo: PromotionServiceStub) -> None:
    one, two = [await calls.active(promo, code=code, first_order_only=True) for code in ("FIRST-A", "FIRST-B")]
    customer = calls.new_id("customer")
    found = await asyncio.gather(
        *(
            _outcome(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id=customer))
            for promotion_id in (one, two)
        )
    )
    assert found.count(NOT_FIRST) == 1
    both = await calls.redeemed(promo, calls.new_id("order"), one, two, customer_id=calls.new_id("customer"))
    assert set(both.redemption.promotion_ids) == {one, two}
    await calls.assert_audit_holds(promo)


@pytest.mark.parametrize("committed", [False, True])
async def test_when_the_order_is_cancelled_the_next_one_may_have_it(
    promo: PromotionServiceStub, sql: Callable[..., list[tuple[object, ...]]], committed: bool
) -> None:
    promotion_id = await calls.active(promo, code=f"COMES-BACK-{committed:d}", first_order_only=True)
    customer, order = calls.new_id("customer"), calls.new_id("order")
    await calls.redeemed(promo, order, promotion_id, customer_id=customer)
    if committed:
        await calls.committed(promo, order)
    assert await _outcome(calls.redeemed(promo, calls.new_id("o"), promotion_id, customer_id=customer)) == NOT_FIRST
    await calls.released(promo, order)
    await calls.released(promo, order)
    next_order = calls.new_id("order")
    assert await _outcome(calls.redeemed(promo, next_order, promotion_id, customer_id=customer)) == next_order
    level = sql("SELECT on_hand, reserved, committed, promotion_id FROM usage_levels WHERE key = %s", f"@{customer}")
    assert level == [(1, 1, 0, None)]
    await calls.assert_audit_holds(promo)


async def test_a_quote_says_that_another_order_holds_it(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, code="UNDER-WAY", first_order_only=True)
    customer, order = calls.new_id("customer"), calls.new_id("order")
    assert (await calls.quoted(promo, "UNDER-WAY", customer_id=customer)).applied
    await calls.redeemed(promo, order, promotion_id, customer_id=customer)
    (skipped,) = (await calls.quoted(promo, "UNDER-WAY", customer_id=customer)).skipped
    assert (skipped.node, skipped.have, skipped.want) == (
        "first_order_only",
        "an order in progress",
        "no earlier order",
    )
    assert (await calls.quoted(promo, "UNDER-WAY", customer_id=calls.new_id("customer"))).applied
    await calls.released(promo, order)
    assert (await calls.quoted(promo, "UNDER-WAY", customer_id=customer)).applied


async def test_a_limit_of_its_own_holds_beside_it(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, code="BOTH-LIMITS", first_order_only=True, customer_limit=1, usage_limit=2)
    customer, order = calls.new_id("customer"), calls.new_id("order")
    await calls.redeemed(promo, order, promotion_id, customer_id=customer)
    with pytest.raises(ServiceError):
        await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id=customer)
    await calls.released(promo, order)
    await calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id=customer)
    assert await calls.used(promo, promotion_id) == 1
    await calls.assert_audit_holds(promo)
