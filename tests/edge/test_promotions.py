"""The quote: prices come from inventory, the discounts from promotions."""

from __future__ import annotations

import httpx

from chassis import errors
from gen.common.v1.money_pb2 import Money
from gen.inventory.v1.catalog_service_pb2 import BatchGetSkusResponse
from gen.inventory.v1.sku_pb2 import Sku
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1.quote_pb2 import AppliedPromotion, Quote, QuotedLine, SkippedPromotion
from tests.edge.far_side import FarSide

BODY = {
    "lines": [{"sku": "SERUM-30", "quantity": 2}, {"sku": "SERUM-30", "quantity": 1}],
    "customer": {"id": "c1"},
    "codes": ["WELCOME10"],
    "currency": "EUR",
    "channel": "web",
}


def priced(currency: str = "EUR") -> BatchGetSkusResponse:
    price = Money(currency=currency, amount_minor=1000)
    return BatchGetSkusResponse(skus=[Sku(sku="SERUM-30", category="skincare", price=price)])


async def test_a_cart_is_quoted_at_the_prices_of_its_skus(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("BatchGetSkus", priced())
    line = QuotedLine(sku="SERUM-30", quantity=2, unit_price_minor=1000, subtotal_minor=2000, total_minor=1800)
    line.discounts.add(promotion_id="welcome", amount_minor=200)
    quote = Quote(
        subtotal=Money(currency="EUR", amount_minor=3000),
        discount_total=Money(currency="EUR", amount_minor=200),
        total=Money(currency="EUR", amount_minor=2800),
        lines=[line],
        applied=[
            AppliedPromotion(
                promotion_id="welcome", name="W", code="WELCOME10", amount=Money(currency="EUR", amount_minor=200)
            )
        ],
        skipped=[SkippedPromotion(code="NO", reason=SkippedPromotion.REASON_CODE_UNKNOWN)],
    )
    far_side.answers("QuotePromotions", pb.QuotePromotionsResponse(quote=quote))
    answer = await rest.post("/v1/promotions/quote", json=BODY)
    assert answer.status_code == 200
    catalog, promotions = far_side.calls
    assert list(catalog.request.skus) == ["SERUM-30"], "each sku is asked for once"
    cart = promotions.request.cart
    assert [(line.quantity, line.unit_price_minor, line.category) for line in cart.lines] == [
        (2, 1000, "skincare"),
        (1, 1000, "skincare"),
    ]
    assert (cart.customer_id, list(cart.codes), cart.currency, cart.channel) == ("c1", ["WELCOME10"], "EUR", "web")
    shown = answer.json()
    assert shown["total"] == {"currency": "EUR", "amount_minor": 2800}
    assert shown["lines"][0]["discounts"] == [{"promotion_id": "welcome", "amount_minor": 200}]
    assert shown["applied"][0]["code"] == "WELCOME10"
    assert shown["skipped"][0]["reason"] == "CODE_UNKNOWN"


async def test_a_cart_with_an_unknown_sku_is_not_quoted(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("BatchGetSkus", BatchGetSkusResponse(missing=["SERUM-30"]))
    answer = await rest.post("/v1/promotions/quote", json=BODY)
    assert answer.status_code == 404
    assert answer.json()["reason"] == "SKU_NOT_FOUND"
    assert answer.json()["metadata"] == {"field": "lines[0].sku", "sku": "SERUM-30"}


async def test_a_cart_in_another_currency_than_its_skus_is_not_quoted(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    far_side.answers("BatchGetSkus", priced("USD"))
    answer = await rest.post("/v1/promotions/quote", json=BODY)
    assert answer.status_code == 422
    assert answer.json()["reason"] == "CURRENCY_MISMATCH"
    assert answer.json()["errors"][0]["field"] == "currency"
    assert answer.json()["metadata"] == {"field": "currency", "sku": "SERUM-30", "currency": "USD"}


async def test_a_malformed_sku_is_named_by_the_line_it_stands_in(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("BatchGetSkus", errors.invalid("skus[1]", "FIELD_INVALID", "is malformed"))
    lines = [{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 2}, {"sku": "?", "quantity": 1}]
    answer = await rest.post("/v1/promotions/quote", json={**BODY, "lines": lines})
    assert answer.json()["errors"][0]["field"] == "lines[2].sku"
