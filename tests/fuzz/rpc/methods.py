"""The callable methods: every method of every server, found by reflection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, ServiceDescriptor
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis.codegen import PROTOS


@dataclass(frozen=True)
class Method:
    """One method of one server."""

    server: str
    path: str
    request: Descriptor
    response: Descriptor
    streams_requests: bool
    streams_responses: bool

    def __str__(self) -> str:
        return f"{self.server} {self.path}"

    @property
    def ours(self) -> bool:
        """False for methods that grpc provides (health, reflection)."""
        return not self.path.startswith("/grpc.")


async def found(server: str, channel: grpc.aio.Channel) -> list[Method]:
    """The methods of one server. AssertionError if it serves a method that the protos do not have."""
    _import_all()
    pool: Any = descriptor_pool.Default()
    methods = []
    async for name in _services(channel):
        service: ServiceDescriptor = pool.FindServiceByName(name)
        for method in service.methods:
            path = f"/{name}/{method.name}"
            streams = (bool(method.client_streaming), bool(method.server_streaming))
            methods.append(Method(server, path, method.input_type, method.output_type, *streams))
    assert methods, f"{server} shows no methods by reflection"
    return methods


async def _services(channel: grpc.aio.Channel) -> AsyncIterator[str]:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    async for answer in stub.ServerReflectionInfo(asked):
        for service in answer.list_services_response.service:
            yield service.name


def _import_all() -> None:
    for path in PROTOS.rglob("*.proto"):
        name = str(path.relative_to(PROTOS)).removesuffix(".proto").replace("/", ".")
        import_module(f"gen.{name}_pb2")
