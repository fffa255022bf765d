"""webhook.v1.WebhookEndpointService: checks the message, calls the use case, returns the response."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chassis import requests, timestamps, validation
from gen.webhook.v1 import webhook_service_pb2 as pb
from webhook_svc.api import convert
from webhook_svc.api.convert import EndpointReader
from webhook_svc.app.deliveries import Deliveries
from webhook_svc.app.endpoints import Endpoints
from webhook_svc.domain.delivery import Delivery
from webhook_svc.domain.endpoint import Endpoint
from webhook_svc.store import events


class WebhookEndpointServicer:
    """Thin: holds no rules and no sequence of steps."""

    def __init__(self, endpoints: Endpoints, deliveries: Deliveries, reader: EndpointReader) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._reader = reader

    async def CreateWebhookEndpoint(
        self, message: pb.CreateWebhookEndpointRequest, _rpc: Any
    ) -> pb.CreateWebhookEndpointResponse:
        def answer(endpoint: Endpoint) -> bytes:
            return pb.CreateWebhookEndpointResponse(endpoint=events.endpoint_message(endpoint)).SerializeToString()

        request = requests.identify(message)
        kept, replayed, secret = await self._endpoints.create(request, self._reader.new(message.endpoint), answer)
        response = requests.answered(pb.CreateWebhookEndpointResponse, (kept, replayed))
        response.secret = secret
        return response

    async def GetWebhookEndpoint(
        self, message: pb.GetWebhookEndpointRequest, _rpc: Any
    ) -> pb.GetWebhookEndpointResponse:
        found = await self._endpoints.get(convert.endpoint_id("endpoint_id", message.endpoint_id))
        return pb.GetWebhookEndpointResponse(endpoint=events.endpoint_message(found))

    async def ListWebhookEndpoints(
        self, message: pb.ListWebhookEndpointsRequest, _rpc: Any
    ) -> pb.ListWebhookEndpointsResponse:
        page, token = await self._endpoints.page(validation.page_size(message.page_size), message.page_token)
        found = [events.endpoint_message(endpoint) for endpoint in page]
        return pb.ListWebhookEndpointsResponse(endpoints=found, next_page_token=token)

    async def UpdateWebhookEndpoint(
        self, message: pb.UpdateWebhookEndpointRequest, _rpc: Any
    ) -> pb.UpdateWebhookEndpointResponse:
        def answer(endpoint: Endpoint) -> bytes:
            return pb.UpdateWebhookEndpointResponse(endpoint=events.endpoint_message(endpoint)).SerializeToString()

        request = requests.identify(message)
        endpoint_id = convert.endpoint_id("endpoint.endpoint_id", message.endpoint.endpoint_id)
        changes, enabled = self._reader.changes(message.endpoint, message.update_mask.paths)
        etag = message.endpoint.etag
        kept = await self._endpoints.update(request, endpoint_id, changes, enabled, etag, answer)
        return requests.answered(pb.UpdateWebhookEndpointResponse, kept)

    async def DeleteWebhookEndpoint(
        self, message: pb.DeleteWebhookEndpointRequest, _rpc: Any
    ) -> pb.DeleteWebhookEndpointResponse:
        request = requests.identify(message)
        endpoint_id = convert.endpoint_id("endpoint_id", message.endpoint_id)
        _, replayed = await self._endpoints.delete(request, endpoint_id, bytes)
        return pb.DeleteWebhookEndpointResponse(replayed=replayed)

    async def RotateWebhookSecret(
        self, message: pb.RotateWebhookSecretRequest, _rpc: Any
    ) -> pb.RotateWebhookSecretResponse:
        def answer(endpoint: Endpoint, old_ends: datetime) -> bytes:
            made = pb.RotateWebhookSecretResponse(
                endpoint=events.endpoint_message(endpoint), old_secret_expire_time=timestamps.message(old_ends)
            )
            return made.SerializeToString()

        request = requests.identify(message)
        endpoint_id = convert.endpoint_id("endpoint_id", message.endpoint_id)
        kept, replayed, secret = await self._endpoints.rotate(request, endpoint_id, answer)
        response = requests.answered(pb.RotateWebhookSecretResponse, (kept, replayed))
        response.secret = secret
        return response

    async def TestWebhookEndpoint(
        self, message: pb.TestWebhookEndpointRequest, _rpc: Any
    ) -> pb.TestWebhookEndpointResponse:
        def answer(delivery: Delivery) -> bytes:
            return pb.TestWebhookEndpointResponse(delivery=events.delivery_message(delivery)).SerializeToString()

        request = requests.identify(message)
        endpoint_id = convert.endpoint_id("endpoint_id", message.endpoint_id)
        kept = await self._deliveries.test(request, endpoint_id, answer)
        return requests.answered(pb.TestWebhookEndpointResponse, kept)

    async def ListWebhookDeliveries(
        self, message: pb.ListWebhookDeliveriesRequest, _rpc: Any
    ) -> pb.ListWebhookDeliveriesResponse:
        endpoint_id = convert.endpoint_id("endpoint_id", message.endpoint_id)
        state, size = convert.state(message.state), validation.page_size(message.page_size)
        page, token = await self._deliveries.page(endpoint_id, state, size, message.page_token)
        found = [events.delivery_message(delivery) for delivery in page]
        return pb.ListWebhookDeliveriesResponse(deliveries=found, next_page_token=token)

    async def ListWebhookAttempts(
        self, message: pb.ListWebhookAttemptsRequest, _rpc: Any
    ) -> pb.ListWebhookAttemptsResponse:
        endpoint_id = convert.endpoint_id("endpoint_id", message.endpoint_id)
        delivery_id = convert.delivery_id("delivery_id", message.delivery_id)
        found = await self._deliveries.attempts(endpoint_id, delivery_id)
        return pb.ListWebhookAttemptsResponse(attempts=[events.attempt_message(attempt) for attempt in found])

    async def ResendWebhookDelivery(
        self, message: pb.ResendWebhookDeliveryRequest, _rpc: Any
    ) -> pb.ResendWebhookDeliveryResponse:
        validation.request_id(message.request_id)
        endpoint_id = convert.endpoint_id("endpoint_id", message.endpoint_id)
        delivery_id = convert.delivery_id("delivery_id", message.delivery_id)
        delivery = await self._deliveries.resend(endpoint_id, delivery_id)
        return pb.ResendWebhookDeliveryResponse(delivery=events.delivery_message(delivery))

    async def ReplayWebhookEvents(
        self, message: pb.ReplayWebhookEventsRequest, _rpc: Any
    ) -> pb.ReplayWebhookEventsResponse:
        def answer(created: int, token: str) -> bytes:
            return pb.ReplayWebhookEventsResponse(created=created, next_page_token=token).SerializeToString()

        request = requests.identify(message)
        endpoint_id = convert.endpoint_id("endpoint_id", message.endpoint_id)
        span = convert.span(message)
        kept = await self._deliveries.replay(request, endpoint_id, span, message.page_token, answer)
        return requests.answered(pb.ReplayWebhookEventsResponse, kept)
