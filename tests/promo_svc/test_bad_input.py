"""Bad input is refused with the field's path, and nothing changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from chassis import client
from gen.common.v1.money_pb2 import Money
from gen.promo.v1 import promotion_pb2, quote_pb2
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from tests.promo_svc import calls

Line = quote_pb2.CartLine
HUGE = 2**62


async def assert_invalid(call: Awaitable[Any], path: str, reason: str = "FIELD_INVALID") -> None:
    error = await calls.refused(call)
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert [violation.path for violation in error.violations] == [path]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"promotion_id": "with space"}, "promotion.promotion_id"),
        ({"promotion_id": "x" * 65}, "promotion.promotion_id"),
        ({"promotion_id": "at@sign"}, "promotion.promotion_id"),
        ({"name": "x" * 201}, "promotion.name"),
        ({"percent_bps": 0}, "promotion.percent_bps"),
        ({"percent_bps": 10_001}, "promotion.percent_bps"),
        ({"percent_bps": -1}, "promotion.percent_bps"),
        ({"fixed_amount": Money(currency="EUR", amount_minor=0)}, "promotion.fixed_amount.amount_minor"),
        ({"fixed_amount": Money(currency="EUR", amount_minor=HUGE)}, "promotion.fixed_amount.amount_minor"),
        ({"fixed_amount": Money(currency="euro", amount_minor=1)}, "promotion.fixed_amount.currency"),
        ({"code": "AB"}, "promotion.code"),
        ({"code": "WITH SPACE"}, "promotion.code"),
        ({"code": "\u017fUMMER"}, "promotion.code"),
        ({"fixed_amount": Money(currency="XXX", amount_minor=1)}, "promotion.fixed_amount.currency"),
        ({"usage_limit": -1}, "promotion.usage_limit"),
        ({"usage_limit": HUGE}, "promotion.usage_limit"),
        ({"customer_limit": -1}, "promotion.customer_limit"),
        ({"skus": ["A", "x" * 65]}, "promotion.skus[1]"),
        ({"categories": ["x" * 101]}, "promotion.categories[0]"),
        ({"channels": ["x" * 41]}, "promotion.channels[0]"),
        ({"skus": [str(number) for number in range(1_001)]}, "promotion.skus"),
        ({"minimum_amount": Money(currency="EUR", amount_minor=-1)}, "promotion.minimum_amount.amount_minor"),
        ({"priority": 1_001}, "promotion.priority"),
        ({"priority": -1}, "promotion.priority"),
        ({"stock_skus": ["A"], "minimum_available": -1}, "promotion.minimum_available"),
        ({"stock_skus": ["A"], "minimum_available": 10**9 + 1}, "promotion.minimum_available"),
        ({"stock_skus": ["A", "x" * 65], "minimum_available": 1}, "promotion.stock_skus[1]"),
        ({"stock_skus": ["A", "A\x00"], "minimum_available": 1}, "promotion.stock_skus[1]"),
        ({"stock_skus": [str(number) for number in range(21)], "minimum_available": 1}, "promotion.stock_skus"),
        ({"minimum_purchases": -1}, "promotion.minimum_purchases"),
        ({"minimum_purchases": 1_001}, "promotion.minimum_purchases"),
        ({"minimum_purchases": 1, "first_order_only": True}, "promotion.minimum_purchases"),
        (
            {"fixed_amount": calls.euros(1), "minimum_amount": Money(currency="USD", amount_minor=1)},
            "promotion.minimum_amount.currency",
        ),
    ],
)
async def test_a_promotion_with_a_bad_field_is_not_made(
    promo: PromotionServiceStub, fields: dict[str, Any], path: str
) -> None:
    await assert_invalid(calls.created(promo, **fields), path)


@pytest.mark.parametrize(
    ("promotion", "path"),
    [
        (promotion_pb2.Promotion(name="N", percent_bps=1), "promotion.promotion_id"),
        (promotion_pb2.Promotion(promotion_id="p", percent_bps=1), "promotion.name"),
        (promotion_pb2.Promotion(promotion_id="p", name="N"), "promotion.percent_bps"),
        (
            promotion_pb2.Promotion(promotion_id="p", name="N", percent_bps=1, stock_skus=["A"]),
            "promotion.minimum_available",
        ),
        (
            promotion_pb2.Promotion(promotion_id="p", name="N", percent_bps=1, minimum_available=1),
            "promotion.stock_skus",
        ),
    ],
)
async def test_a_promotion_without_a_required_field_is_not_made(
    promo: PromotionServiceStub, promotion: promotion_pb2.Promotion, path: str
) -> None:
    request = pb.CreatePromotionRequest(request_id="r", promotion=promotion)
    await assert_invalid(client.call(promo.CreatePromotion, request), path, "FIELD_REQUIRED")


async def test_changes_without_a_request_id_are_refused(promo: PromotionServiceStub) -> None:
    promotion = promotion_pb2.Promotion(promotion_id="p", name="N", percent_bps=1)
    for call in (
        client.call(promo.CreatePromotion, pb.CreatePromotionRequest(promotion=promotion)),
        client.call(promo.UpdatePromotion, pb.UpdatePromotionRequest(promotion=promotion)),
        client.call(promo.RedeemPromotions, pb.RedeemPromotionsRequest(promotion_ids=["p"])),
    ):
        await assert_invalid(call, "request_id", "FIELD_REQUIRED")


async def test_an_update_names_what_it_may_change(promo: PromotionServiceStub) -> None:
    promotion_id = (await calls.created(promo, fixed_amount=calls.euros(100))).promotion_id
    await assert_invalid(calls.updated(promo, promotion_id, "name", "state", name="N"), "update_mask.paths[1]")
    await assert_invalid(calls.updated(promo, promotion_id, "percent_bps"), "promotion.percent_bps")
    await assert_invalid(calls.updated(promo, promotion_id), "update_mask", "FIELD_REQUIRED")
    error = calls.updated(promo, promotion_id, minimum_amount=Money(currency="USD", amount_minor=1))
    await assert_invalid(error, "promotion.minimum_amount.currency")


async def test_a_promotion_ends_after_it_starts(promo: PromotionServiceStub) -> None:
    promotion = promotion_pb2.Promotion(promotion_id="backwards", name="N", percent_bps=1)
    promotion.start_time.FromJsonString("2027-01-01T00:00:00Z")
    promotion.end_time.FromJsonString("2026-01-01T00:00:00Z")
    request = pb.CreatePromotionRequest(request_id="backwards", promotion=promotion)
    await assert_invalid(client.call(promo.CreatePromotion, request), "promotion.end_time")
    promotion.start_time.seconds = 2**60
    request = pb.CreatePromotionRequest(request_id="beyond", promotion=promotion)
    await assert_invalid(client.call(promo.CreatePromotion, request), "promotion.start_time")


GOOD = Line(sku="A", quantity=1, unit_price_minor=1)
DEAR = Line(sku="B", quantity=1, unit_price_minor=10**15)


@pytest.mark.parametrize(
    ("cart", "path"),
    [
        ({"lines": [GOOD, Line(sku="A", quantity=0, unit_price_minor=1)]}, "cart.lines[1].quantity"),
        ({"lines": [Line(sku="A", quantity=-1, unit_price_minor=1)]}, "cart.lines[0].quantity"),
        ({"lines": [Line(sku="A", quantity=HUGE, unit_price_minor=1)]}, "cart.lines[0].quantity"),
        ({"lines": [Line(sku="A", quantity=1, unit_price_minor=-1)]}, "cart.lines[0].unit_price_minor"),
        ({"lines": [Line(sku="A", quantity=1, unit_price_minor=HUGE)]}, "cart.lines[0].unit_price_minor"),
        ({"lines": [Line(sku="A", quantity=10, unit_price_minor=10**15)]}, "cart.lines[0].unit_price_minor"),
        ({"lines": [DEAR, GOOD, DEAR]}, "cart.lines[1].unit_price_minor"),
        ({"lines": [GOOD] * 101}, "cart.lines"),
        ({"currency": "eur"}, "cart.currency"),
        ({"currency": "ZZZ"}, "cart.currency"),
        ({"codes": ["CODE", "\u017fUMMER"]}, "cart.codes[1]"),
        ({"customer_id": "ann "}, "cart.customer_id"),
        ({"customer_id": "a\u200bnn"}, "cart.customer_id"),
        ({"codes": ["CODE"] * 11}, "cart.codes"),
        ({"codes": ["x" * 41]}, "cart.codes[0]"),
        ({"customer_id": "x" * 101}, "cart.customer_id"),
        ({"channel": "x" * 41}, "cart.channel"),
    ],
)
async def test_a_cart_with_a_bad_field_is_not_priced(
    promo: PromotionServiceStub, cart: dict[str, Any], path: str
) -> None:
    await assert_invalid(calls.quoted(promo, **cart), path)


@pytest.mark.parametrize(
    ("cart", "path"),
    [
        ({"lines": []}, "cart.lines"),
        ({"lines": [Line(quantity=1, unit_price_minor=1)]}, "cart.lines[0].sku"),
        ({"currency": ""}, "cart.currency"),
        ({"codes": [""]}, "cart.codes[0]"),
    ],
)
async def test_a_cart_without_a_required_field_is_not_priced(
    promo: PromotionServiceStub, cart: dict[str, Any], path: str
) -> None:
    await assert_invalid(calls.quoted(promo, **cart), path, "FIELD_REQUIRED")


async def test_a_redemption_with_a_bad_field_changes_nothing(
    promo: PromotionServiceStub, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    await assert_invalid(calls.redeemed(promo, "with space", "p"), "request_id")
    await assert_invalid(calls.redeemed(promo, "o"), "promotion_ids", "FIELD_REQUIRED")
    await assert_invalid(calls.redeemed(promo, "o", *[f"p{n}" for n in range(21)]), "promotion_ids")
    await assert_invalid(calls.redeemed(promo, "o", "p", "p"), "promotion_ids[1]")
    await assert_invalid(calls.redeemed(promo, "o", "p@q"), "promotion_ids[0]")
    await assert_invalid(calls.redeemed(promo, "o", "p", ttl_seconds=86_401), "ttl_seconds")
    await assert_invalid(calls.redeemed(promo, "o", "p", ttl_seconds=-1), "ttl_seconds")
    await assert_invalid(calls.redeemed(promo, "o", "p", customer_id="x" * 101), "customer_id")
    await assert_invalid(calls.redeemed(promo, "o", "p", customer_id=" ann"), "customer_id")
    await assert_invalid(calls.committed(promo, ""), "redemption_id", "FIELD_REQUIRED")
    await assert_invalid(calls.released(promo, "with space"), "redemption_id")
    assert sql("SELECT count(*) FROM redemptions") == [(0,)]
