"""`python -m tests.chassis.answering`: a service without a database, whose GetSku tells which process answered.

Run by the tests of workers: INVENTORY_ADDRESS and INVENTORY_WORKERS say where and how many.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

from chassis import config, process, telemetry
from chassis.server import Server, Servicer
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc
from gen.inventory.v1.sku_pb2 import Sku

log = telemetry.logger()


@dataclass(frozen=True)
class Settings:
    address: str


class Answering:
    """Every method is GetSku; `slow` answers late."""

    def __getattr__(self, name: str) -> Any:
        return self.GetSku

    async def GetSku(self, request: pb.GetSkuRequest, _context: object) -> pb.GetSkuResponse:  # noqa: N802
        if request.sku == "slow":
            log.info("slow.begun")
            await asyncio.sleep(0.5)
        number = config.worker_number()
        return pb.GetSkuResponse(sku=Sku(sku=str(os.getpid()), name="alone" if number is None else str(number)))


async def serve(settings: Settings) -> None:
    """Runs until SIGTERM."""

    async def ready() -> bool:
        return True

    server = Server(settings.address, [Servicer(pb, pb_grpc, "CatalogService", Answering())], {}, ready)
    await server.start()
    await server.run_until_stopped()


def load() -> Settings:
    """The settings of a process that pretends to be inventory."""
    return Settings(config.address("inventory"))


if __name__ == "__main__":
    process.run("inventory", load, serve)
