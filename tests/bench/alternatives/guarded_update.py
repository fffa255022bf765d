"""A guarded UPDATE and the reservation's INSERT in one statement: the fewest round trips that plain SQL needs."""

from __future__ import annotations

from typing import Any, LiteralString

from chassis.db import Database
from gen.inventory.v1 import reservation_service_pb2 as pb
from tests.bench.alternatives import answers

TAKE: LiteralString = """
WITH taken AS (
  UPDATE levels SET reserved = reserved + %(quantity)s
   WHERE sku = %(sku)s AND on_hand - reserved >= %(quantity)s RETURNING sku
)
INSERT INTO reservations (id, sku, quantity, expires_at)
SELECT %(id)s, sku, %(quantity)s, now() + interval '15 minutes' FROM taken"""


class GuardedUpdate:
    """One statement, which is its own transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ReserveStock(self, request: pb.ReserveStockRequest, _rpc: Any) -> pb.ReserveStockResponse:
        [line] = request.lines
        values = {"id": request.request_id, "sku": line.sku, "quantity": line.quantity}
        async with self._db.connection() as connection:
            written = await connection.execute(TAKE, values)
        if written.rowcount != 1:
            raise answers.short(line.sku)
        return answers.made(request)
