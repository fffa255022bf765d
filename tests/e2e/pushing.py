"""Continuous changes of stock that bypass the edge: for tests that kill the edge meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from chassis import client
from gen.inventory.v1 import stock_service_pb2 as pb
from gen.inventory.v1.stock_service_pb2_grpc import StockServiceStub
from tests.edge.push.shop import Shop
from tests.stack import Stack

RESTARTED_WITHIN_S = 60.0
TOGETHER = 4


class Changes:
    """Receives goods of a few skus until `stop`. `versions`: the newest acknowledged one of each level."""

    def __init__(self, stub: StockServiceStub, location: str, skus: list[str]) -> None:
        self.versions: dict[str, int] = {}
        self._stub = stub
        self._location = location
        self._skus = skus
        self._going = True

    async def go_on(self) -> None:
        """Changes stock continuously, a few changes at a time."""
        await asyncio.gather(*(self._of(sku) for sku in self._skus))

    def stop(self) -> None:
        """Stops; changes in flight finish."""
        self._going = False

    async def _of(self, sku: str) -> None:
        number = 0
        while self._going:
            number += 1
            request = pb.ReceiveStockRequest(request_id=f"{sku}-{number}", sku=sku, location=self._location, quantity=1)
            answer = await client.call(self._stub.ReceiveStock, request, 20.0)
            self.versions[sku] = answer.level.version


@asynccontextmanager
async def changing(stack: Stack, shop: Shop) -> AsyncIterator[Changes]:
    """Stock changes continuously inside; on leaving, all changes are committed."""
    channel = client.connect(stack.address("inventory"))
    changes = Changes(StockServiceStub(channel), shop.location, [await shop.sku() for _ in range(TOGETHER)])
    going = asyncio.create_task(changes.go_on())
    try:
        yield changes
        changes.stop()
        await going
    finally:
        going.cancel()
        await channel.close()


async def kill_edge(stack: Stack, number: signal.Signals = signal.SIGKILL) -> None:
    """Ends the edge; returns when its successor serves."""
    before = stack.pid("edge")
    assert before is not None
    os.kill(before, number)
    async with asyncio.timeout(RESTARTED_WITHIN_S), httpx.AsyncClient(base_url=stack.edge) as rest:
        while True:
            if stack.pid("edge") not in (None, before):
                try:
                    if (await rest.get("/healthz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
            await asyncio.sleep(0.05)
