"""REST of outbound webhooks: the calls to the service, and the answers to the caller."""

from __future__ import annotations

from typing import Any

import grpc
import httpx
import pytest

from chassis import errors
from chassis.errors import ServiceError
from gen.webhook.v1 import webhook_service_pb2 as pb
from gen.webhook.v1.webhook_endpoint_pb2 import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tests.edge.far_side import FarSide

ID = "whe_" + "0" * 26
PATH = f"/v1/webhook-endpoints/{ID}"
BODY = {"url": "https://shop.example.com/hook", "topics": ["inventory.*", "order.order.confirmed"]}
SHOWN = WebhookEndpoint(
    endpoint_id=ID, url="https://shop.example.com/hook", topics=["inventory.*"], max_in_flight=4, enabled=True, etag="1"
)
DELIVERY = WebhookDelivery(
    delivery_id="7",
    endpoint_id=ID,
    webhook_id="msg_1",
    event_id="inventory-1",
    type="inventory.sku.changed",
    state=WebhookDelivery.STATE_PENDING,
    cause=WebhookDelivery.CAUSE_EVENT,
    attempts=2,
    last_status=500,
    last_error="the receiver returned 500",
)


async def test_an_endpoint_is_created_and_its_secret_shown_once(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("CreateWebhookEndpoint", pb.CreateWebhookEndpointResponse(endpoint=SHOWN, secret="whsec_x"))
    body = {**BODY, "keys": ["SERUM-30"], "ordered": True, "max_in_flight": 9, "description": "ERP"}
    answer = await rest.post("/v1/webhook-endpoints", json=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["secret"], answer.headers["etag"]) == (201, "whsec_x", '"1"')
    asked = far_side.last.request
    assert asked.request_id.startswith("req_")
    assert (asked.endpoint.url, list(asked.endpoint.topics)) == (BODY["url"], BODY["topics"])
    assert (list(asked.endpoint.keys), asked.endpoint.ordered, asked.endpoint.max_in_flight) == (["SERUM-30"], True, 9)
    again = pb.CreateWebhookEndpointResponse(endpoint=SHOWN, replayed=True)
    far_side.answers("CreateWebhookEndpoint", again)
    repeated = await rest.post("/v1/webhook-endpoints", json=body, headers={"Idempotency-Key": "k"})
    assert (repeated.headers["idempotency-replayed"], repeated.json()["secret"]) == ("true", None)
    assert far_side.last.request.request_id == asked.request_id


async def test_an_endpoint_is_read_and_listed_without_its_secret(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    disabled = WebhookEndpoint(endpoint_id=ID, disabled_reason=WebhookEndpoint.DISABLED_REASON_FAILING)
    disabled.disable_time.FromJsonString("2026-11-21T10:00:00Z")
    far_side.answers("GetWebhookEndpoint", pb.GetWebhookEndpointResponse(endpoint=disabled))
    shown = (await rest.get(PATH)).json()
    assert (shown["enabled"], shown["disabled_reason"], shown["disabled_at"]) == (
        False,
        "FAILING",
        "2026-11-21T10:00:00Z",
    )
    assert "secret" not in shown
    page = pb.ListWebhookEndpointsResponse(endpoints=[SHOWN], next_page_token="more")
    far_side.answers("ListWebhookEndpoints", page)
    listed = (await rest.get("/v1/webhook-endpoints?page_size=1&page_token=t")).json()
    assert (far_side.last.request.page_size, far_side.last.request.page_token) == (1, "t")
    assert (listed["webhook_endpoints"][0]["disabled_reason"], listed["next_page_token"]) == ("", "more")


async def test_a_patch_names_only_the_fields_that_are_there(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("UpdateWebhookEndpoint", pb.UpdateWebhookEndpointResponse(endpoint=SHOWN))
    answer = await rest.patch(PATH, json={"enabled": True, "topics": ["*"]}, headers={"If-Match": '"3"'})
    assert answer.status_code == 200
    asked = far_side.last.request
    assert sorted(asked.update_mask.paths) == ["enabled", "topics"]
    assert (asked.endpoint.endpoint_id, asked.endpoint.etag, asked.endpoint.enabled) == (ID, "3", True)
    stale = ServiceError(grpc.StatusCode.ABORTED, "VERSION_STALE", "changed", {"expected": "3", "actual": "4"})
    far_side.answers("UpdateWebhookEndpoint", stale)
    assert (await rest.patch(PATH, json={"enabled": True}, headers={"If-Match": '"3"'})).status_code == 412


async def test_an_endpoint_is_ended_and_its_secret_rotated(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    gone = await rest.delete(PATH)
    assert (gone.status_code, gone.json()) == (200, {"endpoint_id": ID, "deleted": True})
    assert far_side.last.request.endpoint_id == ID
    far_side.answers("RotateWebhookSecret", pb.RotateWebhookSecretResponse(endpoint=SHOWN, secret="whsec_new"))
    rotated = await rest.post(f"{PATH}/secret/rotate")
    assert (rotated.status_code, rotated.json()["secret"]) == (200, "whsec_new")


async def test_deliveries_and_attempts_are_listed(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    page = pb.ListWebhookDeliveriesResponse(deliveries=[DELIVERY], next_page_token="more")
    far_side.answers("ListWebhookDeliveries", page)
    listed = (await rest.get(f"{PATH}/deliveries?state=PENDING&page_size=5")).json()
    assert far_side.last.request.state == WebhookDelivery.STATE_PENDING
    [shown] = listed["deliveries"]
    assert (shown["state"], shown["cause"], shown["last_status"], shown["attempts"]) == ("PENDING", "EVENT", 500, 2)
    attempt = WebhookAttempt(status=500, error="the receiver returned 500", answer="no", duration_ms=12)
    far_side.answers("ListWebhookAttempts", pb.ListWebhookAttemptsResponse(attempts=[attempt]))
    attempts = (await rest.get(f"{PATH}/deliveries/7/attempts")).json()["attempts"]
    assert attempts == [
        {"started_at": None, "duration_ms": 12, "status": 500, "error": "the receiver returned 500", "answer": "no"}
    ]
    assert far_side.last.request.delivery_id == "7"


async def test_tests_resends_and_replays_are_accepted(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("TestWebhookEndpoint", pb.TestWebhookEndpointResponse(delivery=DELIVERY))
    tested = await rest.post(f"{PATH}/test")
    assert (tested.status_code, tested.json()["delivery_id"]) == (202, "7")
    far_side.answers("ResendWebhookDelivery", pb.ResendWebhookDeliveryResponse(delivery=DELIVERY))
    assert (await rest.post(f"{PATH}/deliveries/7/resend")).status_code == 202
    assert (far_side.last.request.endpoint_id, far_side.last.request.delivery_id) == (ID, "7")
    far_side.answers("ReplayWebhookEvents", pb.ReplayWebhookEventsResponse(created=3, next_page_token="more"))
    replayed = await rest.post(f"{PATH}/replay", json={"from": "2026-11-20T10:00:00Z", "to": "2026-11-21"})
    assert (replayed.status_code, replayed.json()) == (202, {"created": 3, "next_page_token": "more"})
    assert far_side.last.request.from_time.ToJsonString() == "2026-11-20T10:00:00Z"
    assert far_side.last.request.to_time.ToJsonString() == "2026-11-22T00:00:00Z", "a bare date includes its day"


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "", {"topics": ["*"]}, "url"),
        ("POST", "", {**BODY, "url": ""}, "url"),
        ("POST", "", {**BODY, "url": 7}, "url"),
        ("POST", "", {**BODY, "topics": []}, "topics"),
        ("POST", "", {**BODY, "topics": ["*"] * 51}, "topics"),
        ("POST", "", {**BODY, "topics": ["order.*", ""]}, "topics[1]"),
        ("POST", "", {**BODY, "keys": [1]}, "keys[0]"),
        ("POST", "", {**BODY, "max_in_flight": 0}, "max_in_flight"),
        ("POST", "", {**BODY, "max_in_flight": 33}, "max_in_flight"),
        ("POST", "", {**BODY, "ordered": "yes"}, "ordered"),
        ("POST", "", {**BODY, "secret": "whsec_mine"}, "secret"),
        ("PATCH", f"/{ID}", {"enabled": None}, "enabled"),
        ("PATCH", f"/{ID}", {"state": "ENABLED"}, "state"),
        ("POST", f"/{ID}/replay", {"to": "2026-11-21"}, "from"),
        ("POST", f"/{ID}/replay", {"from": "yesterday", "to": "2026-11-21"}, "from"),
        ("POST", f"/{ID}/replay", {"from": "2026-11-21T10:00:00", "to": "2026-11-22"}, "from"),
        ("POST", f"/{ID}/test", {"loud": True}, "loud"),
        ("GET", "?page_size=501", None, "page_size"),
        ("GET", f"/{ID}/deliveries?state=LOST", None, "state"),
    ],
)
async def test_bad_input_names_its_field_and_no_service_hears_of_it(
    rest: httpx.AsyncClient, far_side: FarSide, method: str, path: str, body: dict[str, Any] | None, field: str
) -> None:
    answer = await rest.request(method, f"/v1/webhook-endpoints{path}", json=body)
    assert answer.status_code == 422
    assert [wrong["field"] for wrong in answer.json()["errors"]] == [field]
    assert not far_side.calls


async def test_what_the_service_refuses_names_the_fields_of_rest(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers(
        "CreateWebhookEndpoint", errors.invalid("endpoint.topics[0]", "FIELD_INVALID", "x matches no known event type")
    )
    answer = await rest.post("/v1/webhook-endpoints", json=BODY)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "topics[0]")
    far_side.answers("UpdateWebhookEndpoint", errors.required("update_mask"))
    answer = await rest.patch(PATH, json={})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")
    far_side.answers("ReplayWebhookEvents", errors.invalid("to_time", "FIELD_INVALID", "must be after from_time"))
    answer = await rest.post(f"{PATH}/replay", json={"from": "2026-11-21", "to": "2026-11-20"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "to")
    disabled = ServiceError(grpc.StatusCode.FAILED_PRECONDITION, "ENDPOINT_DISABLED", "disabled", {"endpoint_id": ID})
    far_side.answers("TestWebhookEndpoint", disabled)
    assert (await rest.post(f"{PATH}/test")).status_code == 409


async def test_outbound_webhooks_are_closed_without_the_token(anonymous: httpx.AsyncClient, far_side: FarSide) -> None:
    for path in ("/v1/webhook-endpoints", PATH, f"{PATH}/deliveries"):
        assert (await anonymous.get(path)).status_code == 401
    assert not far_side.calls
