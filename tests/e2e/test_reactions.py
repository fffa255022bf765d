"""One service's events have their effect in another: through outbox, relay and broker, with real processes."""

from __future__ import annotations

import secrets
from typing import Any

import orjson

from chassis import client
from gen.common.v1 import event_service_pb2
from gen.promo.v1 import events_pb2, promotion_pb2
from gen.promo.v1 import promotion_service_pb2 as promo_pb
from tests.e2e.product import LOCATION, PRICE_MINOR, TIMEOUT_S, Product, comes_true


async def _read(product: Product, path: str) -> Any:
    answer = await product.send("GET", path, b"")
    assert answer.status == 200, answer
    return orjson.loads(answer.body)


async def test_an_order_is_in_its_customers_history_and_says_when_it_was_cancelled(product: Product) -> None:
    sku, customer = await product.stocked(5), f"buyer/{secrets.token_hex(4)}"
    path = f"/v1/customers/{customer.replace('/', '%2F')}/purchases"
    placed = orjson.loads(
        (await product.place(secrets.token_hex(8), sku=sku, quantity=2, customer={"id": customer})).body
    )
    assert placed["state"] == "CONFIRMED"

    async def shown() -> bool:
        return bool((await _read(product, path))["purchases"])

    await comes_true(shown, "the order is in its customer's history")
    (purchase,) = (await _read(product, path))["purchases"]
    assert purchase == {
        "order_id": placed["order_id"],
        "sku": sku,
        "quantity": 2,
        "total": {"currency": "EUR", "amount_minor": 2 * PRICE_MINOR},
        "purchased_at": placed["created_at"],
        "cancelled_at": None,
    }
    await product.send("PUT", f"/v1/orders/{placed['order_id']}/cancel", {"reason": "changed my mind"})

    async def cancelled() -> bool:
        (only,) = (await _read(product, path))["purchases"]
        return only["cancelled_at"] is not None

    await comes_true(cancelled, "the history shows that the order was cancelled")


async def test_a_promotion_is_skipped_from_the_moment_its_sku_is_sold_out(product: Product) -> None:
    sku, name = await product.stocked(3), f"e2e-{secrets.token_hex(4)}"
    promotion = promotion_pb2.Promotion(
        promotion_id=name,
        name="While it lasts",
        percent_bps=1_000,
        code=name.upper(),
        stock_skus=[sku],
        minimum_available=1,
    )
    create = promo_pb.CreatePromotionRequest(request_id=name, promotion=promotion)
    await client.call(product.services.promotions.CreatePromotion, create, TIMEOUT_S)
    activate = promo_pb.ActivatePromotionRequest(request_id=name, promotion_id=name)
    await client.call(product.services.promotions.ActivatePromotion, activate, TIMEOUT_S)
    cart = {"lines": [{"sku": sku, "quantity": 1}], "codes": [name], "currency": "EUR", "channel": "web"}

    async def skipped() -> list[str]:
        answer = await product.send("POST", "/v1/promotions/quote", cart)
        return [f"{each['reason']} {each['have']}" for each in orjson.loads(answer.body)["skipped"]]

    async def applies() -> bool:
        return not await skipped()

    async def held_back() -> bool:
        return await skipped() == [f"STOCK_LOW {sku}: 0 available"]

    await comes_true(applies, "three units are known to be available")
    last_units = await product.place(secrets.token_hex(8), sku=sku, quantity=3, codes=[name])
    assert orjson.loads(last_units.body)["total"]["amount_minor"] < 3 * PRICE_MINOR, (
        "the buyer of the last units gets the discount"
    )
    await comes_true(held_back, "the promotion is suspended")
    await product.send("POST", "/v1/inventory", {"sku": sku, "location": LOCATION, "quantity": 1})
    await comes_true(applies, "the promotion applies again")


async def test_who_waits_for_a_sku_is_told_when_it_is_received(product: Product) -> None:
    sku, customer = await product.stocked(1), f"waits-{secrets.token_hex(4)}"
    path = f"/v1/customers/{customer}/back-in-stock"
    before = (await _events(product, 0)).newest_position

    async def sold_out() -> bool:
        return (await product.send("POST", path, {"sku": sku, "email": "ada@example.com"})).status == 201

    async def announced() -> list[events_pb2.BackInStock]:
        page = await _events(product, before, types=["promo.back_in_stock.*"], keys=[customer])
        found = [events_pb2.BackInStock.FromString(event.data.value) for event in page.events]
        return [each for each in found if each.sku == sku]

    async def is_announced() -> bool:
        return bool(await announced())

    await product.place(secrets.token_hex(8), sku=sku)
    await comes_true(sold_out, "the sku is known to be sold out")
    assert [each["sku"] for each in (await _read(product, path))["notices"]] == [sku]
    await product.send("POST", "/v1/inventory", {"sku": sku, "location": LOCATION, "quantity": 4})
    await comes_true(is_announced, "the customer is notified")
    (told,) = await announced()
    assert (told.customer_id, told.available, told.email) == (customer, 4, "ada@example.com")
    assert (await _read(product, path))["notices"] == []
    late = await product.send("POST", path, {"sku": sku})
    assert (late.status, orjson.loads(late.body)["reason"]) == (409, "SKU_IN_STOCK")
    typo = await product.send("POST", path, {"sku": "NO-SUCH-SKU"})
    assert (typo.status, orjson.loads(typo.body)["reason"]) == (404, "SKU_NOT_FOUND")


async def _events(product: Product, after: int, **filters: Any) -> Any:
    request = event_service_pb2.ListEventsRequest(after_position=after, page_size=1_000, **filters)
    return await client.call(product.services.promo_events.ListEvents, request, TIMEOUT_S)
