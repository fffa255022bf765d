"""REST routes of outbound webhooks: endpoints and their secrets. Deliveries are in webhook_deliveries.py."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from google.protobuf.field_mask_pb2 import FieldMask

from edge import headers
from edge.answers import Answer, replayed
from edge.call import Call
from edge.openapi.headers import CHANGES, CHANGES_VERSION
from edge.operation import options
from edge.routes import messages
from edge.routes.routers import under_v1
from edge.schemas import webhook_endpoints as schema
from edge.schemas.fields import EndpointId, Nothing
from gen.webhook.v1 import webhook_service_pb2 as pb
from gen.webhook.v1.webhook_endpoint_pb2 import WebhookEndpoint

router = under_v1("webhook-endpoints")

IN_ENDPOINT = {"endpoint.": ""}
"""The messages have the endpoint in a field of that name; over REST it is the body."""
REASONS = messages.names(WebhookEndpoint.DisabledReason.items(), "DISABLED_REASON_")
NO_REASON = WebhookEndpoint.DISABLED_REASON_UNSPECIFIED


@router.post(
    "/webhook-endpoints",
    response_model=schema.WebhookEndpointCreatedAnswer,
    status_code=201,
    summary="Create an endpoint that receives events; the response shows its secret once",
    openapi_extra=CHANGES,
)
@options(rest_names=IN_ENDPOINT)
async def create_webhook_endpoint(call: Call, body: schema.WebhookEndpoint) -> Answer:
    request = pb.CreateWebhookEndpointRequest(request_id=call.mutation_id("req"), endpoint=_message(body))
    response = await call.rpc(call.clients.webhooks.CreateWebhookEndpoint, request)
    made: schema.WebhookEndpointCreatedAnswer = {**to_rest(response.endpoint), "secret": response.secret or None}
    return Answer(made, 201, (headers.etag(response.endpoint.etag), *replayed(response.replayed)))


@router.get("/webhook-endpoints", response_model=schema.WebhookEndpointListAnswer, summary="List endpoints")
async def list_webhook_endpoints(call: Call, query: Annotated[schema.WebhookEndpointQuery, Query()]) -> Answer:
    request = pb.ListWebhookEndpointsRequest(page_size=query.page_size, page_token=query.page_token)
    response = await call.rpc(call.clients.webhooks.ListWebhookEndpoints, request)
    page: schema.WebhookEndpointListAnswer = {
        "webhook_endpoints": [to_rest(endpoint) for endpoint in response.endpoints],
        "next_page_token": response.next_page_token,
    }
    return Answer(page)


@router.get("/webhook-endpoints/{endpoint_id}", response_model=schema.WebhookEndpointAnswer, summary="Read an endpoint")
async def get_webhook_endpoint(call: Call, endpoint_id: EndpointId) -> Answer:
    request = pb.GetWebhookEndpointRequest(endpoint_id=endpoint_id)
    response = await call.rpc(call.clients.webhooks.GetWebhookEndpoint, request)
    return Answer(to_rest(response.endpoint), headers=(headers.etag(response.endpoint.etag),))


@router.patch(
    "/webhook-endpoints/{endpoint_id}",
    response_model=schema.WebhookEndpointAnswer,
    summary="Change fields of an endpoint, disable or enable it",
    openapi_extra=CHANGES_VERSION,
)
@options(rest_names={"endpoint.etag": "If-Match", "update_mask": "body", **IN_ENDPOINT})
async def update_webhook_endpoint(call: Call, endpoint_id: EndpointId, body: schema.WebhookEndpointPatch) -> Answer:
    changed = _message(body)
    changed.endpoint_id = endpoint_id
    changed.etag = call.if_match() or ""
    request = pb.UpdateWebhookEndpointRequest(
        request_id=call.mutation_id("req"),
        endpoint=changed,
        update_mask=FieldMask(paths=sorted(body.model_fields_set)),
    )
    response = await call.rpc(call.clients.webhooks.UpdateWebhookEndpoint, request)
    return Answer(
        to_rest(response.endpoint), headers=(headers.etag(response.endpoint.etag), *replayed(response.replayed))
    )


@router.delete(
    "/webhook-endpoints/{endpoint_id}",
    response_model=schema.WebhookDeletedAnswer,
    summary="Delete an endpoint and its delivery log",
    openapi_extra=CHANGES,
)
async def delete_webhook_endpoint(call: Call, endpoint_id: EndpointId) -> Answer:
    request = pb.DeleteWebhookEndpointRequest(request_id=call.mutation_id("req"), endpoint_id=endpoint_id)
    response = await call.rpc(call.clients.webhooks.DeleteWebhookEndpoint, request)
    gone: schema.WebhookDeletedAnswer = {"endpoint_id": endpoint_id, "deleted": True}
    return Answer(gone, headers=replayed(response.replayed))


@router.post(
    "/webhook-endpoints/{endpoint_id}/secret/rotate",
    response_model=schema.WebhookSecretAnswer,
    summary="Create a new secret, shown once; for 24 hours the old one also signs",
    openapi_extra=CHANGES,
)
async def rotate_webhook_secret(call: Call, endpoint_id: EndpointId, body: Nothing) -> Answer:  # noqa: ARG001 - it is checked
    request = pb.RotateWebhookSecretRequest(request_id=call.mutation_id("req"), endpoint_id=endpoint_id)
    response = await call.rpc(call.clients.webhooks.RotateWebhookSecret, request)
    rotated: schema.WebhookSecretAnswer = {
        "endpoint_id": endpoint_id,
        "secret": response.secret or None,
        "old_secret_expires_at": messages.instant(response.old_secret_expire_time),
    }
    return Answer(rotated, headers=replayed(response.replayed))


def to_rest(endpoint: WebhookEndpoint) -> schema.WebhookEndpointAnswer:
    """An endpoint as REST shows it."""
    return {
        "endpoint_id": endpoint.endpoint_id,
        "url": endpoint.url,
        "topics": list(endpoint.topics),
        "keys": list(endpoint.keys),
        "description": endpoint.description,
        "ordered": endpoint.ordered,
        "max_in_flight": endpoint.max_in_flight,
        "enabled": endpoint.enabled,
        "disabled_reason": "" if endpoint.disabled_reason == NO_REASON else REASONS[endpoint.disabled_reason],
        "disabled_at": messages.instant(endpoint.disable_time),
        "failing_since": messages.instant(endpoint.failing_since_time),
        "etag": endpoint.etag,
        "created_at": messages.instant(endpoint.create_time),
        "updated_at": messages.instant(endpoint.update_time),
    }


def _message(body: schema.WebhookEndpoint | schema.WebhookEndpointPatch) -> WebhookEndpoint:
    return WebhookEndpoint(
        url=body.url,
        topics=body.topics,
        keys=body.keys,
        description=body.description,
        ordered=body.ordered,
        max_in_flight=body.max_in_flight,
        enabled=isinstance(body, schema.WebhookEndpointPatch) and body.enabled,
    )
