"""Idempotency of rare mutations: the first response is stored with the request's fingerprint, in the same transaction.

Table `requests(request_id, method, fingerprint, response, created_at)`. The hot path does not need it: there a
reservation is its own key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import grpc
from google.protobuf.descriptor import Descriptor

from chassis import ids, validation
from chassis.db import Database, Tx
from chassis.errors import ServiceError

CLAIM = """
INSERT INTO requests (request_id, method, fingerprint) VALUES (%s, %s, %s)
ON CONFLICT (request_id) DO NOTHING RETURNING request_id"""
READ = "SELECT method, fingerprint, response FROM requests WHERE request_id = %s"
RECORD = "UPDATE requests SET response = %s WHERE request_id = %s"

Response = TypeVar("Response", bound="Repeatable")


@dataclass(frozen=True)
class Request:
    """The identity of a mutation: the caller's request id, the RPC, and a fingerprint of the body."""

    id: str
    method: str
    fingerprint: str


class Repeatable(Protocol):
    """Any response message that says whether it is replayed."""

    replayed: bool

    @classmethod
    def FromString(cls, s: bytes) -> Self: ...  # noqa: N802 - protobuf's name


class Mutation(Protocol):
    """Any request message with a request_id. buf checks that an RPC's request is named `<Rpc>Request`."""

    DESCRIPTOR: Descriptor
    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...  # noqa: N802 - protobuf's name


def identify(message: Mutation) -> Request:
    """Reads the identity from the message. FIELD_REQUIRED, FIELD_INVALID."""
    body = message.SerializeToString(deterministic=True)
    return Request(
        validation.request_id(message.request_id),
        message.DESCRIPTOR.name.removesuffix("Request"),
        ids.fingerprint(body),
    )


async def replay(tx: Tx, request: Request) -> bytes | None:
    """Returns the first response to this request, or None when it is new: then this transaction must `record` one.

    Waits for the commit of a concurrent request with the same id. REQUEST_ID_REUSED when the body or the method differs.
    """
    claimed = await tx.execute(CLAIM, (request.id, request.method, request.fingerprint))
    if await claimed.fetchone():
        return None
    row = await (await tx.execute(READ, (request.id,))).fetchone()
    if row is None or (row[0], row[1]) != (request.method, request.fingerprint):
        raise reused(request.id)
    return bytes(row[2])


async def record(tx: Tx, request: Request, response: bytes) -> None:
    """Stores the response; call it last in the transaction in which `replay` was called."""
    await tx.execute(RECORD, (response, request.id))


def reused(request_id: str) -> ServiceError:
    """INVALID_ARGUMENT: the same id was used with another body."""
    return ServiceError(
        grpc.StatusCode.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        f"request_id {request_id} was used with another body",
        {"request_id": request_id},
    )


async def once(db: Database, request: Request, work: Callable[[Tx], Awaitable[bytes]]) -> tuple[bytes, bool]:
    """Runs `work` in one transaction, or replays its first response. Returns (response, replayed)."""

    async def run(tx: Tx) -> tuple[bytes, bool]:
        before = await replay(tx, request)
        if before is not None:
            return before, True
        response = await work(tx)
        await record(tx, request, response)
        return response, False

    return await db.run(run)


def answered(kind: type[Response], kept: tuple[bytes, bool]) -> Response:
    """The result of `once` as a response message."""
    response = kind.FromString(kept[0])
    response.replayed = kept[1]
    return response
