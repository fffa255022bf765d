"""From a reservation over REST to a signed request at a receiver, through the whole product."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
import standardwebhooks

from tests.e2e.product import Product
from tests.webhook_svc.receiver import Receiver


@asynccontextmanager
async def _listening(product: Product, receiver: Receiver, **body: object) -> AsyncIterator[tuple[str, str]]:
    """An endpoint of this receiver and its secret; removed afterwards."""
    wanted = {"url": receiver.url(), **body}
    made = await product.send("POST", "/v1/webhook-endpoints", wanted, receiver.url())
    assert made.status == 201, made.body
    endpoint = orjson.loads(made.body)
    try:
        yield endpoint["endpoint_id"], endpoint["secret"]
    finally:
        gone = await product.send("DELETE", f"/v1/webhook-endpoints/{endpoint['endpoint_id']}", b"")
        assert gone.status == 200


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver outside the product."""
    one = Receiver()
    await one.start()
    yield one
    await one.stop()


async def test_a_reservation_over_rest_is_told_to_a_receiver_signed(product: Product, receiver: Receiver) -> None:
    sku = await product.stocked(5)
    async with _listening(product, receiver, topics=["inventory.stock_level.changed"], keys=[sku]) as (known, secret):
        body = {"lines": [{"sku": sku, "quantity": 2}]}
        assert (await product.send("POST", "/v1/inventory/reserve", body, f"{sku}-cart")).status == 201
        # A change from before the endpoint existed may still be in flight: it is delivered too, and is another event.
        got = await receiver.first(lambda one: orjson.loads(one.body)["data"]["level"]["reserved"] == 2)
        told = standardwebhooks.Webhook(secret).verify(got.body, got.headers)
        assert (told["type"], told["key"]) == ("inventory.stock_level.changed", sku)
        assert (told["data"]["level"]["on_hand"], told["data"]["level"]["reserved"]) == (5, 2)
        log = await product.send("GET", f"/v1/webhook-endpoints/{known}/deliveries", b"")
        delivery = orjson.loads(log.body)["deliveries"][0]
        assert (delivery["webhook_id"], delivery["type"]) == (got.webhook_id, told["type"])


async def test_a_test_ping_arrives_signed(product: Product, receiver: Receiver) -> None:
    async with _listening(product, receiver, topics=["order.*"]) as (endpoint_id, secret):
        assert (await product.send("POST", f"/v1/webhook-endpoints/{endpoint_id}/test", b"")).status == 202
        await receiver.has(1)
        told = standardwebhooks.Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
        assert told["type"] == "webhook.ping"
