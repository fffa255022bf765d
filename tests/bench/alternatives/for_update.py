"""SELECT ... FOR UPDATE: lock the level, read it, change it, write the reservation; the textbook way."""

from __future__ import annotations

from typing import Any, LiteralString

from chassis.db import Database
from gen.inventory.v1 import reservation_service_pb2 as pb
from tests.bench.alternatives import answers

LOCK: LiteralString = "SELECT on_hand - reserved FROM levels WHERE sku = %s FOR UPDATE"
TAKE: LiteralString = "UPDATE levels SET reserved = reserved + %s WHERE sku = %s"
WRITE: LiteralString = """
INSERT INTO reservations (id, sku, quantity, expires_at) VALUES (%s, %s, %s, now() + interval '15 minutes')"""


class ForUpdate:
    """One transaction of three statements per line."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ReserveStock(self, request: pb.ReserveStockRequest, _rpc: Any) -> pb.ReserveStockResponse:
        [line] = request.lines
        async with self._db.transaction() as tx:
            row = await (await tx.execute(LOCK, (line.sku,))).fetchone()
            if row is None or row[0] < line.quantity:
                raise answers.short(line.sku)
            await tx.execute(TAKE, (line.quantity, line.sku))
            await tx.execute(WRITE, (request.request_id, line.sku, line.quantity))
        return answers.made(request)
