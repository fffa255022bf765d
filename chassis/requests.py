"""Idempotency of rare mutations: the first answer is kept with the request's fingerprint, in its transaction.

Table `requests(request_id, method, fingerprint, response, created_at)`. The hot path needs none of it: there a
reservation is its own key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc

from chassis.db import Database, Tx
from chassis.errors import ServiceError

CLAIM = """
INSERT INTO requests (request_id, method, fingerprint) VALUES (%s, %s, %s)
ON CONFLICT (request_id) DO NOTHING RETURNING request_id"""
READ = "SELECT method, fingerprint, response FROM requests WHERE request_id = %s"
RECORD = "UPDATE requests SET response = %s WHERE request_id = %s"


async def replay(tx: Tx, request_id: str, method: str, fingerprint: str) -> bytes | None:
    """The first answer to this request, or None when it is new: then this transaction owns it and must `record`.

    A twin that is under way makes this wait for its commit. REQUEST_ID_REUSED when the body or the method differs.
    """
    claimed = await tx.execute(CLAIM, (request_id, method, fingerprint))
    if await claimed.fetchone():
        return None
    row = await (await tx.execute(READ, (request_id,))).fetchone()
    if row is None or (row[0], row[1]) != (method, fingerprint):
        raise reused(request_id)
    return bytes(row[2])


async def record(tx: Tx, request_id: str, response: bytes) -> None:
    """Keeps the answer; call it last in the transaction that `replay` began."""
    await tx.execute(RECORD, (response, request_id))


def reused(request_id: str) -> ServiceError:
    """INVALID_ARGUMENT: the same id came with another body."""
    return ServiceError(
        grpc.StatusCode.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        f"request_id {request_id} was used with another body",
        {"request_id": request_id},
    )


async def once(
    db: Database, request_id: str, method: str, fingerprint: str, work: Callable[[Tx], Awaitable[bytes]]
) -> tuple[bytes, bool]:
    """Runs `work` in one transaction, or answers what it answered the first time: (response, replayed)."""

    async def run(tx: Tx) -> tuple[bytes, bool]:
        before = await replay(tx, request_id, method, fingerprint)
        if before is not None:
            return before, True
        response = await work(tx)
        await record(tx, request_id, response)
        return response, False

    return await db.run(run)
