"""`python -m tests.chassis.answering`: a service without a database, whose GetSku returns the id of its process.

Run by the tests of workers, with INVENTORY_ADDRESS and INVENTORY_WORKERS. The skus `slow`, `hang-in-python`,
`hang-in-c` and `log-a-lot` have the effect that they name. With SHORT_TIMES its watchdog reports a hang after half a
second and ends the process after SHORT_TIMES seconds.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from typing import Any

from chassis import config, process, telemetry, watchdog
from chassis.server import Server, Servicer
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc
from gen.inventory.v1.sku_pb2 import Sku
from tests import config as test_config

log = telemetry.logger()


@dataclass(frozen=True)
class Settings:
    address: str


def hang_in_python() -> None:
    """Runs for ever, in Python steps."""
    while True:
        pass


def hang_in_c() -> None:
    """Runs for centuries without releasing Python's lock."""
    re.match(r"(a+)+$", "a" * 80 + "b")


class Answering:
    """Every method is GetSku; `slow` answers late."""

    def __getattr__(self, name: str) -> Any:
        return self.GetSku

    async def GetSku(self, request: pb.GetSkuRequest, _context: object) -> pb.GetSkuResponse:  # noqa: N802
        if request.sku == "slow":
            log.info("slow.begun")
            await asyncio.sleep(0.5)
        elif request.sku == "hang-in-python":
            log.info("hang.begins")
            hang_in_python()
        elif request.sku == "hang-in-c":
            log.info("hang.begins")
            hang_in_c()
        elif request.sku == "log-a-lot":
            while True:
                log.warning("nobody.reads", words="x" * 4096)
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
    """The settings of a process that stands in for inventory."""
    return Settings(config.address("inventory"))


if __name__ == "__main__":
    if ends_s := test_config.short_times():
        watchdog.TIMES = watchdog.Times(turn_s=0.1, hangs_s=0.5, ends_s=ends_s, margin_s=1.0)
    process.run("inventory", load, serve)
