"""All methods of a server in one table, and the busy ones in queues of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import grpc

from chassis import malformed


class Methods(grpc.GenericRpcHandler):
    """Stands in for the server where generated code adds a servicer's methods; `add_to` gives the server this table instead.

    Added one by one as generated code does it, every call would wake grpc's loop to look at each method's next call anew:
    a microsecond per method and call (grpcio 1.85, `_server_main_loop`). On the other hand such methods do not wait behind
    the calls of others, are not refused because others are many, and many of their calls are taken at once
    (`chassis/intake.py`): that is worth it for those in `queued`.
    """

    def __init__(self, queued: Collection[str] = (), guarded: Collection[str] = ()) -> None:
        self.queued = queued
        self._guarded = guarded
        """Services whose methods do not know MALFORMED (`malformed.py`)."""
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def add_to(self, server: grpc.aio.Server) -> None:
        """Once, before it starts. KeyError when a name in `queued` is not a method's, such as `grpc.health.v1.Health/Check`."""
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
        """Called by generated code, with the same methods once more."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Called by grpc for each call; None is answered UNIMPLEMENTED."""
        return self._handlers.get(details.method)

    resolve_handler = service
