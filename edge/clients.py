"""The services that the edge calls: one channel each, their stubs, their health."""

from __future__ import annotations

import asyncio

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis import client
from chassis.errors import ServiceError
from edge.config import Settings
from gen.common.v1.event_service_pb2_grpc import EventServiceStub
from gen.inventory.v1.catalog_service_pb2_grpc import CatalogServiceStub
from gen.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from gen.inventory.v1.stock_service_pb2_grpc import StockServiceStub
from gen.order.v1.order_service_pb2_grpc import OrderServiceStub
from gen.promo.v1.customer_service_pb2_grpc import CustomerServiceStub
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from gen.webhook.v1.webhook_service_pb2_grpc import WebhookEndpointServiceStub

HEALTH_TIMEOUT_S = 2.0
"""A service whose health check takes longer counts as not ready."""


class Clients:
    """Stubs of every service that the edge calls. Create it inside the running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._channels = {
            name: client.connect(address, settings.connections.get(name, 1))
            for name, address in settings.addresses.items()
        }
        inventory = self._channels["inventory"]
        self.catalog = CatalogServiceStub(inventory)
        self.stock = StockServiceStub(inventory)
        self.reservations = ReservationServiceStub(inventory)
        self.orders = OrderServiceStub(self._channels["order"])
        self.webhooks = WebhookEndpointServiceStub(self._channels["webhook"])
        self.promotions = PromotionServiceStub(self._channels["promo"])
        self.events = {name: EventServiceStub(channel) for name, channel in self._channels.items()}
        self.customers = CustomerServiceStub(self._channels["promo"])

    async def health(self) -> dict[str, str]:
        """Maps each service's name to SERVING, NOT_SERVING or UNREACHABLE."""
        states = await asyncio.gather(*(_health(channel) for channel in self._channels.values()))
        return dict(zip(self._channels, states, strict=True))

    async def close(self) -> None:
        """Closes the channels; running calls end with CANCELLED."""
        for channel in self._channels.values():
            await channel.close()


async def _health(channel: grpc.aio.Channel) -> str:
    stub = health_pb2_grpc.HealthStub(channel)
    try:
        answer = await client.call(stub.Check, health_pb2.HealthCheckRequest(), HEALTH_TIMEOUT_S)
    except ServiceError:
        return "UNREACHABLE"
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
