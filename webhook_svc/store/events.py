"""Builds the protobuf messages of endpoints, deliveries and events."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from chassis import timestamps
from gen.webhook.v1 import events_pb2, webhook_endpoint_pb2
from webhook_svc.domain import signing
from webhook_svc.domain.delivery import Attempt, Delivery, State
from webhook_svc.domain.endpoint import DisabledReason, Endpoint

ENDPOINT_DISABLED = "webhook.endpoint.disabled"


def endpoint_disabled(endpoint: Endpoint) -> dict[str, Any]:
    """The payload of webhook.endpoint.disabled."""
    message = events_pb2.EndpointDisabled(endpoint=endpoint_message(endpoint))
    return MessageToDict(message, preserving_proto_field_name=True)


def endpoint_message(endpoint: Endpoint) -> webhook_endpoint_pb2.WebhookEndpoint:
    """The message of an endpoint, without its secrets."""
    wishes, health = endpoint.wishes, endpoint.health
    reason = health.reason.value if health.reason is not DisabledReason.NONE else "UNSPECIFIED"
    return webhook_endpoint_pb2.WebhookEndpoint(
        endpoint_id=endpoint.endpoint_id,
        url=wishes.url,
        topics=wishes.topics,
        keys=wishes.keys,
        description=wishes.description,
        ordered=wishes.ordered,
        max_in_flight=wishes.max_in_flight,
        enabled=health.enabled,
        disabled_reason=webhook_endpoint_pb2.WebhookEndpoint.DisabledReason.Value(f"DISABLED_REASON_{reason}"),
        disable_time=timestamps.message(health.disable_time),
        failing_since_time=timestamps.message(health.failing_since),
        etag=str(endpoint.version),
        create_time=timestamps.message(endpoint.create_time),
        update_time=timestamps.message(endpoint.update_time),
    )


def delivery_message(delivery: Delivery) -> webhook_endpoint_pb2.WebhookDelivery:
    """The message of a delivery."""
    kind = webhook_endpoint_pb2.WebhookDelivery
    return kind(
        delivery_id=str(delivery.delivery_id),
        endpoint_id=delivery.endpoint_id,
        webhook_id=signing.webhook_id(delivery.endpoint_id, delivery.event_id),
        event_id=delivery.event_id,
        type=delivery.type,
        key=delivery.key,
        state=kind.State.Value(f"STATE_{delivery.state.value}"),
        cause=kind.Cause.Value(f"CAUSE_{delivery.cause.value}"),
        attempts=delivery.attempts,
        last_status=delivery.last_status,
        last_error=delivery.last_error,
        last_attempt_time=timestamps.message(delivery.last_attempt_time),
        next_attempt_time=timestamps.message(delivery.due_at if delivery.state is State.PENDING else None),
        create_time=timestamps.message(delivery.create_time),
    )


def attempt_message(attempt: Attempt) -> webhook_endpoint_pb2.WebhookAttempt:
    """The message of an attempt."""
    return webhook_endpoint_pb2.WebhookAttempt(
        start_time=timestamps.message(attempt.start_time),
        duration_ms=attempt.duration_ms,
        status=attempt.status,
        error=attempt.error,
        answer=attempt.answer,
    )
