"""All methods of a server in one table; busy methods have their own queues."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import grpc

from chassis import malformed


class Methods(grpc.GenericRpcHandler):
    """Takes the place of the server where generated code adds a servicer's methods; `add_to` gives the server this table.

    If methods are registered one by one, as generated code does, every call makes grpc's loop check the next call of each
    method: a microsecond per method and call (grpcio 1.85, `_server_main_loop`). In return, calls of a registered method do
    not queue behind those of other methods, are not rejected because of them, and are accepted several at once
    (`chassis/intake.py`). For the methods in `queued` this is worth the cost.
    """

    def __init__(self, queued: Collection[str] = (), guarded: Collection[str] = ()) -> None:
        self.queued = queued
        self._guarded = guarded
        """Services whose methods do not know MALFORMED (`malformed.py`)."""
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def add_to(self, server: grpc.aio.Server) -> None:
        """Adds the table to the server, once, before it starts. Names in `queued` look like `grpc.health.v1.Health/Check`;
        KeyError when one is not a method."""
        server.add_generic_rpc_handlers((self,))
        for name in self.queued:
            service, _, method = name.partition("/")
            server.add_registered_method_handlers(service, {method: self._handlers[f"/{name}"]})

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Called by generated code."""
        for name, handler in handlers.items():
            path = f"/{service}/{name}"
            read: Any = handler
            read = read._replace(request_deserializer=malformed.reader(read.request_deserializer))
            self._handlers[path] = malformed.guarded(path, read) if service in self._guarded else read

    def add_generic_rpc_handlers(self, _handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Called by generated code, with the same methods again; ignored."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Called by grpc for each call; None makes it return UNIMPLEMENTED."""
        return self._handlers.get(details.method)

    resolve_handler = service
