"""Bad input is refused with the field's path, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from chassis import client
from chassis.errors import ServiceError
from gen.webhook.v1 import webhook_service_pb2 as pb
from gen.webhook.v1.webhook_endpoint_pb2 import WebhookEndpoint
from gen.webhook.v1.webhook_service_pb2_grpc import WebhookEndpointServiceStub
from webhook_svc.api.convert import EndpointReader

ID = "whe_" + "0" * 26
GOOD = {"url": "https://shop.example.com/", "topics": ["order.*"]}
AT = datetime(2026, 11, 21, tzinfo=UTC)


def ask(kind: Any, **fields: Any) -> Any:
    """A request of plain data: protobuf accepts dictionaries and datetimes, which its stubs do not declare."""
    return kind(**fields)


async def assert_refused(call: Any, path: str, reason: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await call
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert [violation.path for violation in caught.value.violations] == [path]


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"url": ""}, "endpoint.url", "FIELD_REQUIRED"),
        ({"url": "shop.example.com"}, "endpoint.url", "FIELD_INVALID"),
        ({"url": "https://user:pw@shop.example.com/"}, "endpoint.url", "FIELD_INVALID"),
        ({"url": "https://" + "x" * 2_000}, "endpoint.url", "FIELD_INVALID"),
        ({"topics": []}, "endpoint.topics", "FIELD_REQUIRED"),
        ({"topics": ["order.*"] * 51}, "endpoint.topics", "FIELD_INVALID"),
        ({"topics": ["order.*", ""]}, "endpoint.topics[1]", "FIELD_REQUIRED"),
        ({"topics": ["order.*", "ordre.*"]}, "endpoint.topics[1]", "FIELD_INVALID"),
        ({"topics": ["order.order.confirmd"]}, "endpoint.topics[0]", "FIELD_INVALID"),
        ({"topics": ["order*"]}, "endpoint.topics[0]", "FIELD_INVALID"),
        ({"topics": ["[a-z]*"]}, "endpoint.topics[0]", "FIELD_INVALID"),
        ({"topics": ["*.*"]}, "endpoint.topics[0]", "FIELD_INVALID"),
        ({"keys": ["A", ""]}, "endpoint.keys[1]", "FIELD_REQUIRED"),
        ({"keys": ["x" * 201]}, "endpoint.keys[0]", "FIELD_INVALID"),
        ({"keys": ["A\x00"]}, "endpoint.keys[0]", "FIELD_INVALID"),
        ({"keys": [str(number) for number in range(1_001)]}, "endpoint.keys", "FIELD_INVALID"),
        ({"description": "x" * 201}, "endpoint.description", "FIELD_INVALID"),
        ({"max_in_flight": -1}, "endpoint.max_in_flight", "FIELD_INVALID"),
        ({"max_in_flight": 33}, "endpoint.max_in_flight", "FIELD_INVALID"),
    ],
)
async def test_an_endpoint_with_a_bad_field_is_not_made(
    stub: WebhookEndpointServiceStub, fields: dict[str, Any], path: str, reason: str
) -> None:
    endpoint = WebhookEndpoint(**{**GOOD, **fields})
    request = pb.CreateWebhookEndpointRequest(request_id="bad", endpoint=endpoint)
    await assert_refused(client.call(stub.CreateWebhookEndpoint, request), path, reason)


@pytest.mark.parametrize(
    ("method", "message", "path", "reason"),
    [
        ("CreateWebhookEndpoint", ask(pb.CreateWebhookEndpointRequest, endpoint=GOOD), "request_id", "FIELD_REQUIRED"),
        ("GetWebhookEndpoint", ask(pb.GetWebhookEndpointRequest), "endpoint_id", "FIELD_REQUIRED"),
        ("GetWebhookEndpoint", ask(pb.GetWebhookEndpointRequest, endpoint_id="1"), "endpoint_id", "FIELD_INVALID"),
        ("ListWebhookEndpoints", ask(pb.ListWebhookEndpointsRequest, page_size=501), "page_size", "FIELD_INVALID"),
        (
            "UpdateWebhookEndpoint",
            ask(pb.UpdateWebhookEndpointRequest, request_id="r", endpoint={"endpoint_id": ID}),
            "update_mask",
            "FIELD_REQUIRED",
        ),
        (
            "UpdateWebhookEndpoint",
            ask(
                pb.UpdateWebhookEndpointRequest,
                request_id="r",
                endpoint={"endpoint_id": ID},
                update_mask={"paths": ["enabled", "secret"]},
            ),
            "update_mask.paths[1]",
            "FIELD_INVALID",
        ),
        (
            "UpdateWebhookEndpoint",
            ask(
                pb.UpdateWebhookEndpointRequest,
                request_id="r",
                endpoint={"endpoint_id": ID},
                update_mask={"paths": ["url"]},
            ),
            "endpoint.url",
            "FIELD_REQUIRED",
        ),
        ("DeleteWebhookEndpoint", ask(pb.DeleteWebhookEndpointRequest, endpoint_id=ID), "request_id", "FIELD_REQUIRED"),
        (
            "RotateWebhookSecret",
            ask(pb.RotateWebhookSecretRequest, request_id="r", endpoint_id="x"),
            "endpoint_id",
            "FIELD_INVALID",
        ),
        ("TestWebhookEndpoint", ask(pb.TestWebhookEndpointRequest, request_id="r"), "endpoint_id", "FIELD_REQUIRED"),
        (
            "ListWebhookDeliveries",
            ask(pb.ListWebhookDeliveriesRequest, endpoint_id=ID, state=9),
            "state",
            "FIELD_INVALID",
        ),
        (
            "ListWebhookAttempts",
            ask(pb.ListWebhookAttemptsRequest, endpoint_id=ID, delivery_id="-1"),
            "delivery_id",
            "FIELD_INVALID",
        ),
        (
            "ResendWebhookDelivery",
            ask(pb.ResendWebhookDeliveryRequest, request_id="r", endpoint_id=ID, delivery_id="9" * 19),
            "delivery_id",
            "FIELD_INVALID",
        ),
        (
            "ReplayWebhookEvents",
            ask(pb.ReplayWebhookEventsRequest, request_id="r", endpoint_id=ID, from_time=AT),
            "to_time",
            "FIELD_REQUIRED",
        ),
        (
            "ReplayWebhookEvents",
            ask(pb.ReplayWebhookEventsRequest, request_id="r", endpoint_id=ID, from_time=AT, to_time=AT),
            "to_time",
            "FIELD_INVALID",
        ),
        (
            "ReplayWebhookEvents",
            ask(
                pb.ReplayWebhookEventsRequest, request_id="r", endpoint_id=ID, from_time={"seconds": 2**60}, to_time=AT
            ),
            "from_time",
            "FIELD_INVALID",
        ),
    ],
)
async def test_a_request_with_a_bad_field_is_refused(
    stub: WebhookEndpointServiceStub, method: str, message: Any, path: str, reason: str
) -> None:
    await assert_refused(client.call(getattr(stub, method), message), path, reason)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("GetWebhookEndpoint", ask(pb.GetWebhookEndpointRequest, endpoint_id=ID)),
        (
            "UpdateWebhookEndpoint",
            ask(
                pb.UpdateWebhookEndpointRequest,
                request_id="u",
                endpoint={"endpoint_id": ID},
                update_mask={"paths": ["enabled"]},
            ),
        ),
        ("DeleteWebhookEndpoint", ask(pb.DeleteWebhookEndpointRequest, request_id="d", endpoint_id=ID)),
        ("RotateWebhookSecret", ask(pb.RotateWebhookSecretRequest, request_id="o", endpoint_id=ID)),
        ("TestWebhookEndpoint", ask(pb.TestWebhookEndpointRequest, request_id="t", endpoint_id=ID)),
        ("ListWebhookDeliveries", ask(pb.ListWebhookDeliveriesRequest, endpoint_id=ID)),
        ("ListWebhookAttempts", ask(pb.ListWebhookAttemptsRequest, endpoint_id=ID, delivery_id="1")),
        (
            "ResendWebhookDelivery",
            ask(pb.ResendWebhookDeliveryRequest, request_id="s", endpoint_id=ID, delivery_id="1"),
        ),
        (
            "ReplayWebhookEvents",
            ask(pb.ReplayWebhookEventsRequest, request_id="p", endpoint_id=ID, from_time={"seconds": 1}, to_time=AT),
        ),
    ],
)
async def test_an_endpoint_that_is_not_there_is_not_found(
    stub: WebhookEndpointServiceStub, method: str, message: Any
) -> None:
    with pytest.raises(ServiceError) as caught:
        await client.call(getattr(stub, method), message)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "ENDPOINT_NOT_FOUND")
    assert caught.value.metadata == {"endpoint_id": ID}


@pytest.mark.parametrize(
    "url", ["http://shop.example.com/", "https://127.0.0.1/", "https://0x7f.1/", "https://[::ffff:10.0.0.1]/"]
)
def test_outside_development_an_inside_url_is_refused_at_once(url: str) -> None:
    reader = EndpointReader({"order.order.placed"}, allow_private=False)
    with pytest.raises(ServiceError) as caught:
        reader.new(WebhookEndpoint(url=url, topics=["order.*"]))
    assert [violation.path for violation in caught.value.violations] == ["endpoint.url"]


def test_nothing_of_all_this_was_kept(sql: Callable[..., list[tuple[object, ...]]]) -> None:
    assert sql("SELECT count(*) FROM endpoints") == [(0,)]
