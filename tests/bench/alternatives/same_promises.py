"""The product's promises without its design: journal_reserve for each single request, without gate and batch.

Idempotent by request id, a reservation, a movement, outbox rows and a guarded UPDATE: one statement, one transaction.
"""

from __future__ import annotations

import secrets
from typing import Any

import psycopg

from chassis import ids, requests
from chassis.db import Database
from chassis.gate.journal import Journal
from chassis.gate.model import Claim, Take, WantedLine
from gen.inventory.v1 import reservation_service_pb2 as pb
from tests.bench.alternatives import answers

PARTITION, EPOCH = 0, 1
"""As ceilings.fill_journal writes them."""
GUARD_REFUSED = "OS001"
LOCATION = "bench"


class SamePromises:
    """The product's own function, called with a batch of one."""

    def __init__(self, db: Database) -> None:
        self._journal = Journal(db, PARTITION, "reservations")

    async def ReserveStock(self, request: pb.ReserveStockRequest, _rpc: Any) -> pb.ReserveStockResponse:
        [line] = request.lines
        key = f"{line.sku}@{LOCATION}"
        fingerprint = ids.fingerprint(key, str(line.quantity))
        claim = Claim(request.request_id, fingerprint, (WantedLine((key,), line.quantity),), request.ttl_seconds * 1000)
        take = Take(claim, secrets.token_hex(6), ((key, line.quantity),), EPOCH)
        try:
            written = (await self._journal.reserve([take]))[request.request_id]
        except psycopg.Error as failed:
            if failed.sqlstate == GUARD_REFUSED:
                raise answers.short(line.sku) from None
            raise
        if written.fingerprint != fingerprint:
            raise requests.reused(request.request_id)
        return answers.made(request)
