"""What one service tells has its effect in another: through outbox, relay and broker, all processes real."""

from __future__ import annotations

import secrets
from typing import Any

import orjson

from tests.e2e.product import PRICE_MINOR, Product, comes_true


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

    await comes_true(cancelled, "the history says that the order was cancelled")
