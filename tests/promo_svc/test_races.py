"""Races for the last uses, across separate orders: exactly the limit, even with repeated requests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

import pytest

from chassis.errors import ServiceError
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from tests.promo_svc import calls

ORDERS = 200
LIMIT = 50


async def outcome(call: Awaitable[pb.RedeemPromotionsResponse]) -> str:
    try:
        answer = await call
    except ServiceError as refused:
        return refused.reason
    return f"replayed {answer.redemption.redemption_id}" if answer.replayed else answer.redemption.redemption_id


@pytest.mark.parametrize("times", [1, 2])
async def test_many_orders_for_few_uses_get_exactly_those(promo: PromotionServiceStub, times: int) -> None:
    promotion_id = await calls.active(promo, usage_limit=LIMIT)
    orders = [calls.new_id("order") for _ in range(ORDERS)]
    outcomes = await asyncio.gather(
        *(outcome(calls.redeemed(promo, order, promotion_id)) for order in orders for _ in range(times))
    )
    winners = {each.removeprefix("replayed ") for each in outcomes if each != "USAGE_LIMIT"}
    assert len(winners) == LIMIT
    assert Counter(outcomes)["USAGE_LIMIT"] == times * (ORDERS - LIMIT)
    assert sum(each in winners for each in outcomes) == LIMIT
    assert await calls.used(promo, promotion_id) == LIMIT
    await calls.assert_audit_holds(promo)


@pytest.mark.parametrize("times", [1, 2])
async def test_one_customer_in_many_orders_gets_no_more_than_their_limit(
    promo: PromotionServiceStub, times: int
) -> None:
    promotion_id = await calls.active(promo, usage_limit=1_000, customer_limit=LIMIT)
    orders = [calls.new_id("order") for _ in range(ORDERS)]
    outcomes = await asyncio.gather(
        *(
            outcome(calls.redeemed(promo, order, promotion_id, customer_id="c1"))
            for order in orders
            for _ in range(times)
        )
    )
    winners = {each.removeprefix("replayed ") for each in outcomes if each != "CUSTOMER_LIMIT"}
    assert len(winners) == LIMIT
    assert Counter(outcomes)["CUSTOMER_LIMIT"] == times * (ORDERS - LIMIT)
    assert await calls.used(promo, promotion_id) == LIMIT
    await calls.assert_audit_holds(promo)


async def test_many_customers_at_once_get_their_first_use_each(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, customer_limit=1)
    outcomes = await asyncio.gather(
        *(
            outcome(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id=f"c{number % 100}"))
            for number in range(ORDERS)
        )
    )
    assert Counter(each == "CUSTOMER_LIMIT" for each in outcomes) == {False: 100, True: 100}
    await calls.assert_audit_holds(promo)


async def test_claims_commits_and_releases_of_the_same_orders_at_once_lose_no_use(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, usage_limit=LIMIT, customer_limit=2)

    async def live(number: int) -> None:
        order = calls.new_id("order")
        steps = [outcome(calls.redeemed(promo, order, promotion_id, customer_id=f"c{number % 40}"))]
        if number % 3:
            steps.append(_quietly(calls.released(promo, order)))
        if number % 2:
            steps.append(_quietly(calls.committed(promo, order)))
        await asyncio.gather(*steps)

    await asyncio.gather(*(live(number) for number in range(ORDERS)))
    await calls.assert_audit_holds(promo)
    assert await calls.used(promo, promotion_id) <= LIMIT


async def test_lowering_a_limit_in_a_race_never_gives_more_than_either_limit(promo: PromotionServiceStub) -> None:
    promotion_id = await calls.active(promo, usage_limit=LIMIT)
    claims = [outcome(calls.redeemed(promo, calls.new_id("order"), promotion_id)) for _ in range(ORDERS)]
    lowered = _quietly(calls.updated(promo, promotion_id, usage_limit=10))
    outcomes = (await asyncio.gather(*claims[:100], lowered, *claims[100:]))[:]
    won = sum(each.startswith("order-") for each in outcomes)
    limit = 10 if "LIMIT_BELOW_USED" not in outcomes else LIMIT
    assert won == await calls.used(promo, promotion_id) <= limit
    await calls.assert_audit_holds(promo)


async def _quietly(call: Awaitable[object]) -> str:
    try:
        await call
    except ServiceError as refused:
        return refused.reason
    return "done"
