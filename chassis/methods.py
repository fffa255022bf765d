"""All methods of a server in one table: what finding one costs does not grow with their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc


class Methods(grpc.GenericRpcHandler):
    """Stands in for the server where generated code adds a servicer's methods; the server gets this table instead.

    Added one by one as generated code does it, every call would wake grpc's loop to look at each method's next call anew:
    a microsecond per method and call (grpcio 1.85, `_server_main_loop`).
    """

    def __init__(self) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Called by generated code."""
        self._handlers.update({f"/{service}/{name}": handler for name, handler in handlers.items()})

    def add_generic_rpc_handlers(self, _handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Called by generated code, with the same methods once more."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Called by grpc for each call; None is answered UNIMPLEMENTED."""
        return self._handlers.get(details.method)
