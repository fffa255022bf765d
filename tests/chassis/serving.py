"""A server in the test's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.server import Server, Servicer
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc


@asynccontextmanager
async def serving(catalog: object, queued: tuple[str, ...] = ()) -> AsyncIterator[str]:
    """Its address; `catalog` implements CatalogService."""

    async def ready() -> bool:
        return True

    server = Server("127.0.0.1:0", [Servicer(pb, pb_grpc, "CatalogService", catalog, queued)], {}, ready)
    await server.start()
    yield f"127.0.0.1:{server.port}"
    await server.stop()
