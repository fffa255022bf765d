"""gRPC reflection for tools: grpcio's servicer, extended to find methods, not just services and messages."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha._async import ReflectionServicer


class Reflection(ReflectionServicer):  # type: ignore[misc]
    """Finds methods by full name, as `grpcurl describe inventory.v1.StockService.GetStock` needs."""

    def _file_containing_symbol(self, request: Any, fully_qualified_name: str) -> Any:
        service, _, method = fully_qualified_name.rpartition(".")
        try:
            known = method in descriptor_pool.Default().FindServiceByName(service).methods_by_name
        except KeyError:
            known = False
        return super()._file_containing_symbol(request, service if known else fully_qualified_name)
