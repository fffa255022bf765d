"""DECRBY on a Redis counter and nothing else: fast, lost with the server, and without a record of the holders."""

from __future__ import annotations

from typing import Any

from chassis.redis import Client
from gen.inventory.v1 import reservation_service_pb2 as pb
from tests.bench.alternatives import answers


class Decr:
    """One command, and a second one to undo it if it took too many. A repeated call takes again."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ReserveStock(self, request: pb.ReserveStockRequest, _rpc: Any) -> pb.ReserveStockResponse:
        [line] = request.lines
        if await self._client.decrby(line.sku, line.quantity) < 0:
            await self._client.incrby(line.sku, line.quantity)
            raise answers.short(line.sku)
        return answers.made(request)
