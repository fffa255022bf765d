"""From an event to a signed request at a real receiver, and the effect of each answer."""

from __future__ import annotations

import orjson
import standardwebhooks

from tests.webhook_svc.bench import TYPE, Bench, event
from tests.webhook_svc.receiver import Receiver
from webhook_svc.domain.delivery import State


async def test_an_event_arrives_signed_as_the_reference_library_wants_it(work: Bench, receiver: Receiver) -> None:
    endpoint, secret = await work.endpoint(receiver.url("/hook"), "inventory.*")
    told = event("SERUM-30")
    await work.happens(told)
    await work.settled()
    [got] = receiver.got
    body = standardwebhooks.Webhook(secret).verify(got.body, got.headers)
    assert (got.path, got.headers["content-type"]) == ("/hook", "application/json")
    assert (body["type"], body["timestamp"], body["key"]) == (TYPE, told.time, "SERUM-30")
    assert (body["sequence"], body["source"], body["event_id"]) == (told.position, "inventory", told.id)
    assert body["data"]["level"]["sku"] == "SERUM-30"
    [delivery] = await work.log(endpoint)
    assert (delivery.state, delivery.attempts, delivery.last_status) == (State.SUCCEEDED, 1, 200)


async def test_only_what_an_endpoint_asks_for_is_sent_to_it(work: Bench, receiver: Receiver) -> None:
    await work.endpoint(receiver.url("/all"), "*")
    await work.endpoint(receiver.url("/exact"), "inventory.sku.changed")
    await work.endpoint(receiver.url("/prefix"), "inventory.stock_level.*")
    await work.endpoint(receiver.url("/key"), "inventory.*", keys=("B",))
    await work.endpoint(receiver.url("/orders"), "order.*")
    await work.happens(event("A"), event("B"), event("B", "inventory.sku.changed", {"sku": {"sku": "B"}}))
    await work.round()
    assert [len(receiver.at(path)) for path in ("/all", "/exact", "/prefix", "/key", "/orders")] == [3, 1, 2, 2, 0]
    [exact] = receiver.at("/exact")
    assert orjson.loads(exact.body)["data"]["sku"]["sku"] == "B"
