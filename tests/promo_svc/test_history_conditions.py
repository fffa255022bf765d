"""Promotions for first orders and for good customers: checked at the quote, and again at the redemption."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from chassis import client
from chassis.events.consumer import Consumer
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1 import quote_pb2
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from promo_svc.store import purchases
from tests.promo_svc import calls, told

Reason = quote_pb2.SkippedPromotion.Reason


async def _bought(consumer: Consumer, customer_id: str, orders: int = 1) -> list[str]:
    """Confirms this many orders of the customer."""
    made = [calls.new_id("order") for _ in range(orders)]
    await consumer.take(told.batch(*(told.order(order, 2, customer_id=customer_id) for order in made)))
    return made


async def test_a_promotion_for_first_orders_ends_with_the_first_and_comes_back_when_it_is_cancelled(
    promo: PromotionServiceStub, on_orders: Consumer
) -> None:
    promotion_id = await calls.active(promo, code="FIRST", first_order_only=True)
    assert (await calls.quoted(promo, "FIRST", customer_id="new")).applied
    (order,) = await _bought(on_orders, "new")
    (skipped,) = (await calls.quoted(promo, "FIRST", customer_id="new")).skipped
    assert skipped == quote_pb2.SkippedPromotion(
        promotion_id=promotion_id,
        code="FIRST",
        reason=Reason.REASON_CONDITION_FAILED,
        node="first_order_only",
        have="1 earlier",
        want="no earlier order",
    )
    await on_orders.take(told.batch(told.order(order, 4, "CANCELLED", customer_id="new")))
    assert (await calls.quoted(promo, "FIRST", customer_id="new")).applied


async def test_a_promotion_for_good_customers_counts_their_orders_not_their_lines(
    promo: PromotionServiceStub, on_orders: Consumer
) -> None:
    await calls.active(promo, code="LOYAL", minimum_purchases=2)
    event = told.order(calls.new_id("order"), 2, customer_id="loyal", lines=(told.SERUM, told.LIPSTICK))
    await on_orders.take(told.batch(event))
    (skipped,) = (await calls.quoted(promo, "LOYAL", customer_id="loyal")).skipped
    assert (skipped.node, skipped.have, skipped.want) == ("minimum_purchases", "1 earlier", "at least 2")
    await _bought(on_orders, "loyal")
    assert (await calls.quoted(promo, "LOYAL", customer_id="loyal")).applied
    (guest,) = (await calls.quoted(promo, "LOYAL")).skipped
    assert guest.have == "a guest"


@pytest.mark.parametrize(
    ("rules", "customer_id", "status"),
    [
        ({"first_order_only": True}, "regular", "FIRST_ORDER_ONLY"),
        ({"minimum_purchases": 3}, "regular", "MINIMUM_PURCHASES"),
        ({"first_order_only": True}, "", "FIRST_ORDER_ONLY"),
    ],
)
async def test_a_redemption_is_judged_by_the_history_of_its_own_moment(
    promo: PromotionServiceStub, on_orders: Consumer, rules: dict[str, Any], customer_id: str, status: str
) -> None:
    await _bought(on_orders, "regular")
    promotion_id = await calls.active(promo, **rules)
    error = await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id=customer_id))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PROMOTION_NOT_APPLICABLE")
    assert dict(error.metadata) == {"promotion_id": promotion_id, "status": status}
    assert await calls.used(promo, promotion_id) == 0
    await calls.paused(promo, promotion_id)


async def test_a_redemption_that_comes_again_after_its_order_was_confirmed_gets_its_answer(
    promo: PromotionServiceStub, on_orders: Consumer
) -> None:
    promotion_id = await calls.active(promo, code="ONCE-ONLY", first_order_only=True)
    order = calls.new_id("order")
    first = await calls.redeemed(promo, order, promotion_id, customer_id="again")
    await on_orders.take(told.batch(told.order(order, 2, customer_id="again")))
    again = await calls.redeemed(promo, order, promotion_id, customer_id="again")
    assert (again.replayed, again.redemption) == (True, first.redemption)
    error = await calls.refused(calls.redeemed(promo, calls.new_id("order"), promotion_id, customer_id="again"))
    assert error.metadata["status"] == "FIRST_ORDER_ONLY"


async def test_a_quote_counts_orders_once_for_all_carts_and_only_when_somebody_asks(
    promo: PromotionServiceStub, on_orders: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[list[str]] = []
    count = purchases.standing

    async def noted(tx: Any, customer_ids: Any) -> Any:
        counted.append(list(customer_ids))
        return await count(tx, customer_ids)

    monkeypatch.setattr(purchases, "standing", noted)
    await calls.active(promo, code="PLAIN", usage_limit=5)
    await calls.active(promo, code="ASKS", minimum_purchases=1)
    await _bought(on_orders, "c7")
    await calls.quoted(promo, "PLAIN", customer_id="c7")
    assert counted == []
    carts = [calls.cart(code, customer_id=buyer) for code, buyer in (("ASKS", "c7"), ("ASKS", "c8"), ("PLAIN", "c9"))]
    batch = pb.BatchQuotePromotionsRequest(requests=[pb.QuotePromotionsRequest(cart=cart) for cart in carts])
    answer = await client.call(promo.BatchQuotePromotions, batch)
    assert [len(result.quote.applied) for result in answer.results] == [1, 0, 1]
    assert counted == [["c7", "c8"]]


async def test_conditions_of_history_are_changed_and_shown_like_every_rule(promo: PromotionServiceStub) -> None:
    made = await calls.created(promo, minimum_purchases=3)
    assert (made.minimum_purchases, made.first_order_only) == (3, False)
    after = await calls.updated(
        promo, made.promotion_id, "minimum_purchases", "first_order_only", first_order_only=True
    )
    assert (after.minimum_purchases, after.first_order_only) == (0, True)
    error = await calls.refused(calls.updated(promo, made.promotion_id, minimum_purchases=1))
    assert [violation.path for violation in error.violations] == ["promotion.minimum_purchases"]
