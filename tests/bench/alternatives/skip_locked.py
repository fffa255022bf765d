"""One row per unit: a reservation marks free rows that no other one is marking. No row is hot; every unit is a row."""

from __future__ import annotations

from typing import Any, LiteralString

from chassis.db import Database
from gen.inventory.v1 import reservation_service_pb2 as pb
from tests.bench.alternatives import answers

TAKE: LiteralString = """
WITH free AS (
  SELECT id FROM units WHERE sku = %(sku)s AND reservation_id IS NULL
   ORDER BY id LIMIT %(quantity)s FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE units SET reservation_id = %(id)s FROM free
   WHERE units.id = free.id AND (SELECT count(*) FROM free) = %(quantity)s RETURNING units.id
)
INSERT INTO reservations (id, sku, quantity, expires_at)
SELECT %(id)s, %(sku)s, %(quantity)s, now() + interval '15 minutes' WHERE EXISTS (SELECT FROM taken)"""


class SkipLocked:
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
