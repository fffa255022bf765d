"""Idempotency of rare mutations: the first answer is kept with the request's fingerprint, in its transaction.

Table `requests(request_id, method, fingerprint, response, created_at)`. The hot path needs none of it: there a
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
    """What makes a mutation repeatable: the caller's id, which RPC it asks for, and a fingerprint of its body."""

    id: str
    method: str
    fingerprint: str


class Repeatable(Protocol):
    """Any response message that says whether it is a repeat's."""

    replayed: bool

    @classmethod
    def FromString(cls, s: bytes) -> Self: ...  # noqa: N802 - protobuf's name


class Mutation(Protocol):
    """Any request message with a request_id. buf sees to it that an RPC's request is named `<Rpc>Request`."""

    DESCRIPTOR: Descriptor
    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...  # noqa: N802 - protobuf's name


def identify(message: Mutation) -> Request:
    """Reads it off the message. FIELD_REQUIRED, FIELD_INVALID."""
    body = message.SerializeToString(deterministic=True)
    return Request(
        validation.request_id(message.request_id),
        message.DESCRIPTOR.name.removesuffix("Request"),
        ids.fingerprint(body),
    )


async def replay(tx: Tx, request: Request) -> bytes | None:
    """The first answer to this request, or None when it is new: then this transaction owns it and must `record`.

    A twin that is under way makes this wait for its commit. REQUEST_ID_REUSED when the body or the method differs.
    """
    claimed = await tx.execute(CLAIM, (request.id, request.method, request.fingerprint))
    if await claimed.fetchone():
        return None
    row = await (await tx.execute(READ, (request.id,))).fetchone()
    if row is None or (row[0], row[1]) != (request.method, request.fingerprint):
        raise reused(request.id)
    return bytes(row[2])


async def record(tx: Tx, request: Request, response: bytes) -> None:
    """Keeps the answer; call it last in the transaction that `replay` began."""
    await tx.execute(RECORD, (response, request.id))


def reused(request_id: str) -> ServiceError:
    """INVALID_ARGUMENT: the same id came with another body."""
    return ServiceError(
        grpc.StatusCode.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        f"request_id {request_id} was used with another body",
        {"request_id": request_id},
    )


async def once(db: Database, request: Request, work: Callable[[Tx], Awaitable[bytes]]) -> tuple[bytes, bool]:
    """Runs `work` in one transaction, or answers what it answered the first time: (response, replayed)."""

    async def run(tx: Tx) -> tuple[bytes, bool]:
        before = await replay(tx, request)
        if before is not None:
            return before, True
        response = await work(tx)
        await record(tx, request, response)
        return response, False

    return await db.run(run)


def answered(kind: type[Response], kept: tuple[bytes, bool]) -> Response:
    """What `once` gave back, as the message to answer with."""
    response = kind.FromString(kept[0])
    response.replayed = kept[1]
    return response
