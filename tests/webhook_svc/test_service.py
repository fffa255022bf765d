"""The whole service over gRPC, with its loops, a real broker and a real receiver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
import standardwebhooks
from aiohttp import web

from chassis import client, ids
from chassis.errors import ServiceError
from chassis.events import connection
from gen.webhook.v1 import webhook_service_pb2 as pb
from gen.webhook.v1.webhook_endpoint_pb2 import WebhookDelivery, WebhookEndpoint
from gen.webhook.v1.webhook_service_pb2_grpc import WebhookEndpointServiceStub
from tests.webhook_svc.bench import TYPE, event
from tests.webhook_svc.receiver import Receiver
from webhook_svc.config import Settings

Sql = Callable[..., list[tuple[object, ...]]]


async def made(
    stub: WebhookEndpointServiceStub, url: str, request_id: str = "", **fields: Any
) -> pb.CreateWebhookEndpointResponse:
    endpoint = WebhookEndpoint(**{"url": url, "topics": ["*"], **fields})
    request = pb.CreateWebhookEndpointRequest(request_id=request_id or ids.new_id("r"), endpoint=endpoint)
    response: pb.CreateWebhookEndpointResponse = await client.call(stub.CreateWebhookEndpoint, request)
    return response


async def ended(stub: WebhookEndpointServiceStub, endpoint_id: str) -> None:
    request = pb.DeleteWebhookEndpointRequest(request_id=ids.new_id("r"), endpoint_id=endpoint_id)
    await client.call(stub.DeleteWebhookEndpoint, request)


async def test_an_event_at_the_broker_arrives_signed(
    stub: WebhookEndpointServiceStub, settings: Settings, receiver: Receiver
) -> None:
    endpoint = await made(stub, receiver.url(), topics=["inventory.stock_level.*"], keys=["SERUM-30"])
    broker = connection.connect(settings.broker_url)
    publisher = await broker.publisher("inventory")
    told = event("SERUM-30")
    await publisher.newest_position()
    await publisher.publish([told, event("CREAM-50")])
    await receiver.has(1)
    await publisher.close()
    await broker.close()
    [got] = receiver.got
    body = standardwebhooks.Webhook(endpoint.secret).verify(got.body, got.headers)
    assert (body["type"], body["event_id"]) == (TYPE, told.id)
    await ended(stub, endpoint.endpoint.endpoint_id)


async def test_disabling_an_endpoint_is_told_to_others_through_the_broker(
    stub: WebhookEndpointServiceStub, receiver: Receiver
) -> None:
    receiver.answer = lambda got: web.Response(status=410 if got.path == "/gone" else 200)
    gone = await made(stub, receiver.url("/gone"), topics=["order.*"])
    watching = await made(stub, receiver.url("/watching"), topics=["webhook.endpoint.disabled"])
    test = pb.TestWebhookEndpointRequest(request_id=ids.new_id("r"), endpoint_id=gone.endpoint.endpoint_id)
    await client.call(stub.TestWebhookEndpoint, test)
    await receiver.has_at("/watching", 1)
    body = orjson.loads(receiver.at("/watching")[0].body)
    assert body["type"] == "webhook.endpoint.disabled"
    assert body["data"]["endpoint"]["disabled_reason"] == "DISABLED_REASON_GONE"
    read = pb.GetWebhookEndpointRequest(endpoint_id=gone.endpoint.endpoint_id)
    shown = (await client.call(stub.GetWebhookEndpoint, read)).endpoint
    assert (shown.enabled, shown.disabled_reason) == (False, WebhookEndpoint.DISABLED_REASON_GONE)
    for endpoint in (gone, watching):
        await ended(stub, endpoint.endpoint.endpoint_id)


async def test_creating_twice_with_one_request_id_makes_one_and_shows_the_secret_once(
    stub: WebhookEndpointServiceStub, sql: Sql
) -> None:
    first = await made(stub, "https://shop.example.com/", "twice")
    again = await made(stub, "https://shop.example.com/", "twice")
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.endpoint, again.secret) == (first.endpoint, "")
    assert first.secret.startswith("whsec_")
    with pytest.raises(ServiceError, match="REQUEST_ID_REUSED"):
        await made(stub, "https://other.example.com/", "twice")
    read = pb.GetWebhookEndpointRequest(endpoint_id=first.endpoint.endpoint_id)
    shown: pb.GetWebhookEndpointResponse = await client.call(stub.GetWebhookEndpoint, read)
    assert shown.endpoint == first.endpoint
    assert "whsec_" not in str(shown)
    await ended(stub, first.endpoint.endpoint_id)


async def test_no_kept_answer_holds_a_secret(stub: WebhookEndpointServiceStub, sql: Sql) -> None:
    first = await made(stub, "https://shop.example.com/", "kept-create")
    request = pb.RotateWebhookSecretRequest(request_id="kept-rotate", endpoint_id=first.endpoint.endpoint_id)
    rotated: pb.RotateWebhookSecretResponse = await client.call(stub.RotateWebhookSecret, request)
    again: pb.RotateWebhookSecretResponse = await client.call(stub.RotateWebhookSecret, request)
    assert rotated.secret not in ("", first.secret)
    assert (again.replayed, again.secret) == (True, "")
    assert again.old_secret_expire_time == rotated.old_secret_expire_time
    kept: list[Any] = sql("SELECT response FROM requests WHERE request_id IN ('kept-create', 'kept-rotate')")
    assert [b"whsec_" in (response or b"") for (response,) in kept] == [False, False]
    await ended(stub, first.endpoint.endpoint_id)


async def test_endpoints_and_deliveries_are_listed_page_by_page(
    stub: WebhookEndpointServiceStub, receiver: Receiver
) -> None:
    endpoints = [(await made(stub, receiver.url())).endpoint.endpoint_id for _ in range(3)]
    found, token = list[str](), ""
    while True:
        request = pb.ListWebhookEndpointsRequest(page_size=2, page_token=token)
        page: pb.ListWebhookEndpointsResponse = await client.call(stub.ListWebhookEndpoints, request)
        found += [endpoint.endpoint_id for endpoint in page.endpoints]
        token = page.next_page_token
        if not token:
            break
    assert found == sorted(endpoints)
    one = endpoints[0]
    for _ in range(3):
        await client.call(
            stub.TestWebhookEndpoint, pb.TestWebhookEndpointRequest(request_id=ids.new_id("r"), endpoint_id=one)
        )
    await receiver.has(3)
    first: pb.ListWebhookDeliveriesResponse = await client.call(
        stub.ListWebhookDeliveries, pb.ListWebhookDeliveriesRequest(endpoint_id=one, page_size=2)
    )
    rest: pb.ListWebhookDeliveriesResponse = await client.call(
        stub.ListWebhookDeliveries,
        pb.ListWebhookDeliveriesRequest(endpoint_id=one, page_size=2, page_token=first.next_page_token),
    )
    numbers = [int(delivery.delivery_id) for delivery in (*first.deliveries, *rest.deliveries)]
    assert (len(numbers), rest.next_page_token) == (3, "")
    assert numbers == sorted(numbers, reverse=True)
    failed = pb.ListWebhookDeliveriesRequest(endpoint_id=one, state=WebhookDelivery.STATE_FAILED)
    assert not (await client.call(stub.ListWebhookDeliveries, failed)).deliveries
    for endpoint_id in endpoints:
        await ended(stub, endpoint_id)


async def test_an_update_changes_what_its_mask_names_and_nothing_else(stub: WebhookEndpointServiceStub) -> None:
    before = (await made(stub, "https://shop.example.com/", description="old", max_in_flight=7)).endpoint
    change = WebhookEndpoint(endpoint_id=before.endpoint_id, etag=before.etag, topics=["order.*"], description="new")
    request = pb.UpdateWebhookEndpointRequest(request_id=ids.new_id("r"), endpoint=change)
    request.update_mask.paths.append("topics")
    after = (await client.call(stub.UpdateWebhookEndpoint, request)).endpoint
    assert (list(after.topics), after.description, after.max_in_flight) == (["order.*"], "old", 7)
    assert after.etag != before.etag
    request.request_id = ids.new_id("r")
    with pytest.raises(ServiceError, match="VERSION_STALE"):
        await client.call(stub.UpdateWebhookEndpoint, request)
    await ended(stub, before.endpoint_id)
    read = pb.GetWebhookEndpointRequest(endpoint_id=before.endpoint_id)
    with pytest.raises(ServiceError, match="ENDPOINT_NOT_FOUND"):
        await client.call(stub.GetWebhookEndpoint, read)


async def test_there_is_an_end_to_endpoints(stub: WebhookEndpointServiceStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook_svc.app.endpoints.MOST_ENDPOINTS", 0)
    with pytest.raises(ServiceError, match="TOO_MANY_ENDPOINTS") as caught:
        await made(stub, "https://shop.example.com/")
    assert caught.value.metadata == {"limit": "0"}
