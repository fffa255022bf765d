"""REST routes of outbound webhooks: deliveries, their attempts, and sending them again."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from edge.answers import Answer, replayed
from edge.call import Call
from edge.openapi.headers import CHANGES
from edge.operation import options
from edge.routes import messages
from edge.routes.routers import under_v1
from edge.schemas import webhook_endpoints as schema
from edge.schemas.fields import DeliveryId, EndpointId, Nothing
from gen.webhook.v1 import webhook_service_pb2 as pb
from gen.webhook.v1.webhook_endpoint_pb2 import WebhookAttempt, WebhookDelivery

router = under_v1("webhook-endpoints")

STATES = messages.names(WebhookDelivery.State.items(), "STATE_")
CAUSES = messages.names(WebhookDelivery.Cause.items(), "CAUSE_")


@router.post(
    "/webhook-endpoints/{endpoint_id}/test",
    response_model=schema.WebhookDeliveryAnswer,
    status_code=202,
    summary="Send a webhook.ping, delivered like any event",
    openapi_extra=CHANGES,
)
async def test_webhook_endpoint(call: Call, endpoint_id: EndpointId, body: Nothing) -> Answer:  # noqa: ARG001 - it is checked
    request = pb.TestWebhookEndpointRequest(request_id=call.mutation_id("req"), endpoint_id=endpoint_id)
    response = await call.rpc(call.clients.webhooks.TestWebhookEndpoint, request)
    return Answer(to_rest(response.delivery), 202, replayed(response.replayed))


@router.post(
    "/webhook-endpoints/{endpoint_id}/replay",
    response_model=schema.ReplayAnswer,
    status_code=202,
    summary="Send the events of a time span again, one part per call",
    openapi_extra=CHANGES,
)
@options(rest_names={"from_time": "from", "to_time": "to"})
async def replay_webhook_events(call: Call, endpoint_id: EndpointId, body: schema.Replay) -> Answer:
    request = pb.ReplayWebhookEventsRequest(
        request_id=call.mutation_id("req"), endpoint_id=endpoint_id, page_token=body.page_token
    )
    request.from_time.FromDatetime(body.since)
    request.to_time.FromDatetime(body.until)
    response = await call.rpc(call.clients.webhooks.ReplayWebhookEvents, request)
    made: schema.ReplayAnswer = {"created": response.created, "next_page_token": response.next_page_token}
    return Answer(made, 202, replayed(response.replayed))


@router.get(
    "/webhook-endpoints/{endpoint_id}/deliveries",
    response_model=schema.WebhookDeliveryListAnswer,
    summary="List deliveries of the last 30 days, newest first",
)
async def list_webhook_deliveries(
    call: Call, endpoint_id: EndpointId, query: Annotated[schema.WebhookDeliveryQuery, Query()]
) -> Answer:
    request = pb.ListWebhookDeliveriesRequest(
        endpoint_id=endpoint_id, page_size=query.page_size, page_token=query.page_token
    )
    if query.state is not None:
        request.state = WebhookDelivery.State.Value(f"STATE_{query.state}")
    response = await call.rpc(call.clients.webhooks.ListWebhookDeliveries, request)
    page: schema.WebhookDeliveryListAnswer = {
        "deliveries": [to_rest(delivery) for delivery in response.deliveries],
        "next_page_token": response.next_page_token,
    }
    return Answer(page)


@router.get(
    "/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/attempts",
    response_model=schema.WebhookAttemptListAnswer,
    summary="List a delivery's attempts, newest first",
)
async def list_webhook_attempts(call: Call, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Answer:
    request = pb.ListWebhookAttemptsRequest(endpoint_id=endpoint_id, delivery_id=delivery_id)
    response = await call.rpc(call.clients.webhooks.ListWebhookAttempts, request)
    found: schema.WebhookAttemptListAnswer = {"attempts": [_attempt(attempt) for attempt in response.attempts]}
    return Answer(found)


@router.post(
    "/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/resend",
    response_model=schema.WebhookDeliveryAnswer,
    status_code=202,
    summary="Try a delivery again now, whatever its state",
    openapi_extra=CHANGES,
)
async def resend_webhook_delivery(
    call: Call,
    endpoint_id: EndpointId,
    delivery_id: DeliveryId,
    body: Nothing,  # noqa: ARG001 - it is checked
) -> Answer:
    request = pb.ResendWebhookDeliveryRequest(
        request_id=call.mutation_id("req"), endpoint_id=endpoint_id, delivery_id=delivery_id
    )
    response = await call.rpc(call.clients.webhooks.ResendWebhookDelivery, request)
    return Answer(to_rest(response.delivery), 202)


def to_rest(delivery: WebhookDelivery) -> schema.WebhookDeliveryAnswer:
    """A delivery as REST shows it."""
    return {
        "delivery_id": delivery.delivery_id,
        "endpoint_id": delivery.endpoint_id,
        "webhook_id": delivery.webhook_id,
        "event_id": delivery.event_id,
        "type": delivery.type,
        "key": delivery.key,
        "state": STATES[delivery.state],
        "cause": CAUSES[delivery.cause],
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "last_attempt_at": messages.instant(delivery.last_attempt_time),
        "next_attempt_at": messages.instant(delivery.next_attempt_time),
        "created_at": messages.instant(delivery.create_time),
    }


def _attempt(attempt: WebhookAttempt) -> schema.WebhookAttemptAnswer:
    return {
        "started_at": messages.instant(attempt.start_time),
        "duration_ms": attempt.duration_ms,
        "status": attempt.status,
        "error": attempt.error,
        "answer": attempt.answer,
    }
