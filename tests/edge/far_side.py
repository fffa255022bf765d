"""The services as the edge sees them over a real gRPC connection: records requests, returns a test's answers.

Only for the edge's own tests; the services' real behaviour is tested with the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from chassis import errors
from chassis.errors import ServiceError
from gen.inventory.v1 import catalog_service_pb2, reservation_service_pb2, stock_service_pb2
from gen.order.v1 import order_service_pb2
from gen.promo.v1 import customer_service_pb2, promotion_service_pb2
from gen.webhook.v1 import webhook_service_pb2

MODULES = (
    catalog_service_pb2,
    stock_service_pb2,
    reservation_service_pb2,
    order_service_pb2,
    promotion_service_pb2,
    webhook_service_pb2,
    customer_service_pb2,
)
NO_DEADLINE_S = 86_400


@dataclass
class Received:
    """One call that arrived: its method, message, metadata, and seconds left."""

    method: str
    request: Any
    metadata: dict[str, str]
    remaining_s: float


class FarSide:
    """One server with every service. Without a script a method returns its empty response."""

    def __init__(self) -> None:
        self.calls: list[Received] = []
        self._script: dict[str, Message | Exception] = {}
        self._health = HealthServicer()
        self._server = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        for module in MODULES:
            for service in module.DESCRIPTOR.services_by_name.values():
                handlers = {method.name: self._handler(method) for method in service.methods}
                generic = grpc.method_handlers_generic_handler(service.full_name, handlers)
                self._server.add_generic_rpc_handlers((generic,))
        self.address = ""

    async def start(self) -> None:
        """Listens on a free port and reports that it serves."""
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        await self.serving(True)

    async def stop(self) -> None:
        """Stops at once."""
        await self._server.stop(None)

    async def serving(self, yes: bool) -> None:
        """Publishes health."""
        response = health_pb2.HealthCheckResponse
        await self._health.set("", response.SERVING if yes else response.NOT_SERVING)

    def answers(self, method: str, outcome: Message | Exception) -> None:
        """From now on `method` returns this message, or refuses with this error."""
        self._script[method] = outcome

    def forget(self) -> None:
        """Resets: no script, nothing received."""
        self._script.clear()
        self.calls.clear()

    @property
    def last(self) -> Received:
        """The latest call."""
        return self.calls[-1]

    def _handler(self, method: MethodDescriptor) -> Any:
        request_class: Any = GetMessageClass(method.input_type)
        response_class: Any = GetMessageClass(method.output_type)
        return grpc.unary_unary_rpc_method_handler(
            self._behaviour(method.name, response_class),
            request_deserializer=request_class.FromString,
            response_serializer=response_class.SerializeToString,
        )

    def _behaviour(self, name: str, response_class: Callable[[], Message]) -> Any:
        async def behave(request: Message, rpc: Any) -> Message:
            metadata = {key: value for key, value in rpc.invocation_metadata() if isinstance(value, str)}
            remaining_s = rpc.time_remaining()
            self.calls.append(Received(name, request, metadata, NO_DEADLINE_S if remaining_s is None else remaining_s))
            outcome = self._script.get(name)
            if isinstance(outcome, ServiceError):
                await rpc.abort(outcome.code, outcome.message, errors.trailers(outcome))
            if isinstance(outcome, Exception):
                raise outcome
            return response_class() if outcome is None else outcome

        return behave
