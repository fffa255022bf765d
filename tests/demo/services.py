"""The gRPC interfaces as the demo uses them, with calls that survive a restart of the server."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import grpc

from chassis import client
from chassis.errors import ServiceError
from gen.common.v1 import event_service_pb2_grpc
from gen.inventory.v1 import reservation_service_pb2_grpc, stock_service_pb2_grpc
from gen.order.v1 import order_service_pb2_grpc, saga_service_pb2_grpc
from gen.promo.v1 import customer_service_pb2_grpc, promotion_service_pb2_grpc
from tests.demo.config import Running

PATIENCE_S = 120.0
CALL_TIMEOUT_S = 15.0
LONGEST_PAUSE_S = 3.0
TRY_AGAIN = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
    }
)


class Services:
    """Stubs of the three services; close() when done."""

    def __init__(self, running: Running) -> None:
        inventory, order, promo = (
            client.connect(address) for address in (running.inventory, running.order, running.promo)
        )
        self._channels = (inventory, order, promo)
        self.stock: Any = stock_service_pb2_grpc.StockServiceStub(inventory)
        self.reservations: Any = reservation_service_pb2_grpc.ReservationServiceStub(inventory)
        self.orders: Any = order_service_pb2_grpc.OrderServiceStub(order)
        self.sagas: Any = saga_service_pb2_grpc.SagaServiceStub(order)
        self.promotions: Any = promotion_service_pb2_grpc.PromotionServiceStub(promo)
        self.customers: Any = customer_service_pb2_grpc.CustomerServiceStub(promo)
        self.promo_events: Any = event_service_pb2_grpc.EventServiceStub(promo)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()


async def call(method: Any, request: Any) -> Any:
    """Calls until there is an answer. ServiceError if it is a refusal, or after the timeout."""
    started, pause_s = time.monotonic(), 0.1
    while True:
        try:
            return await client.call(method, request, timeout_s=CALL_TIMEOUT_S)
        except ServiceError as error:
            if error.code not in TRY_AGAIN or time.monotonic() - started > PATIENCE_S:
                raise
        await asyncio.sleep(random.uniform(0.5, 1.0) * pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
