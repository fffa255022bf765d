"""Far more buyers than units, all at once, at both interfaces: exactly the available units are sold."""

from __future__ import annotations

import asyncio
from collections import Counter

import orjson

from tests.demo.http_client import Answer
from tests.e2e.product import Product, told, verdict

BUYERS = 500
UNITS = 50
SOLD, SHORT = (201, ""), (409, "INSUFFICIENT_STOCK")


async def assert_exactly_the_units_are_sold(product: Product, sku: str) -> None:
    assert await product.numbers(sku) == (UNITS, 0, UNITS, 0)
    orders = product.orders_of(sku)
    assert Counter(state for _, state in orders) == {"CONFIRMED": UNITS, "CANCELLED": BUYERS - UNITS}
    assert await product.mismatches() == []


def order_of(answer: Answer) -> str:
    """The order that an answer names; a refusal names it too."""
    body = orjson.loads(answer.body)
    return str(body.get("order_id") or body["metadata"]["order_id"])


async def test_500_buyers_of_50_units_over_rest_make_50_orders(product: Product) -> None:
    sku = await product.stocked(UNITS)
    answers = await asyncio.gather(*(product.place(f"{sku}-{buyer}", sku=sku) for buyer in range(BUYERS)))
    assert Counter(map(told, answers)) == {SOLD: UNITS, SHORT: BUYERS - UNITS}
    await assert_exactly_the_units_are_sold(product, sku)


async def test_500_buyers_who_send_everything_twice_at_once_over_rest_make_50_orders(product: Product) -> None:
    sku = await product.stocked(UNITS)
    keys = [f"{sku}-{buyer}" for buyer in range(BUYERS) for _ in range(2)]
    answers = await asyncio.gather(*(product.place(key, sku=sku) for key in keys))
    assert Counter(map(told, answers)) == {SOLD: 2 * UNITS, SHORT: 2 * (BUYERS - UNITS)}
    for one, twin in zip(answers[::2], answers[1::2], strict=True):
        assert (told(one), order_of(one)) == (told(twin), order_of(twin))
    assert len({order_of(answer) for answer in answers}) == BUYERS
    await assert_exactly_the_units_are_sold(product, sku)


async def test_500_buyers_of_50_units_over_grpc_make_50_orders(product: Product) -> None:
    sku = await product.stocked(UNITS)
    placing = (verdict(product.place_over_grpc(f"{sku}-{buyer}", sku)) for buyer in range(BUYERS))
    assert Counter(await asyncio.gather(*placing)) == {"CONFIRMED": UNITS, "INSUFFICIENT_STOCK": BUYERS - UNITS}
    await assert_exactly_the_units_are_sold(product, sku)


async def test_500_buyers_who_send_everything_twice_at_once_over_grpc_make_50_orders(product: Product) -> None:
    sku = await product.stocked(UNITS)
    keys = [f"{sku}-{buyer}" for buyer in range(BUYERS) for _ in range(2)]
    verdicts = await asyncio.gather(*(verdict(product.place_over_grpc(key, sku)) for key in keys))
    assert Counter(verdicts) == {"CONFIRMED": 2 * UNITS, "INSUFFICIENT_STOCK": 2 * (BUYERS - UNITS)}
    assert verdicts[::2] == verdicts[1::2]
    await assert_exactly_the_units_are_sold(product, sku)


async def test_500_carts_that_reserve_twice_at_once_over_rest_hold_50_units(product: Product) -> None:
    sku = await product.stocked(UNITS)
    body = {"lines": [{"sku": sku, "quantity": 1}]}
    keys = [f"{sku}-{buyer}" for buyer in range(BUYERS) for _ in range(2)]
    answers = await asyncio.gather(*(product.send("POST", "/v1/inventory/reserve", body, key) for key in keys))
    assert Counter(map(told, answers)) == {SOLD: 2 * UNITS, SHORT: 2 * (BUYERS - UNITS)}
    assert list(map(told, answers[::2])) == list(map(told, answers[1::2]))
    assert await product.numbers(sku) == (UNITS, UNITS, 0, 0)
    assert await product.mismatches() == []
