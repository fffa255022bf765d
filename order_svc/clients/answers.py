"""Calls to other services: separates definite refusals from errors after which the outcome is open."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import grpc

from chassis import client
from chassis.errors import ServiceError
from chassis.together import Together
from order_svc.domain.errors import Refused, Unreachable
from order_svc.domain.order import Refusal

CALL_TIMEOUT_S = 3.0
"""A healthy answer takes milliseconds; a call without an answer for this long is retried."""
UNSETTLED = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""Codes after which the same call with the same id may still succeed, or may have been done."""
CODES = {code.value[0]: code for code in grpc.StatusCode}
FINAL_REASONS = frozenset({"RESERVATION_ABORTED", "REDEMPTION_ABORTED"})
"""Reasons that are final whatever their code: a tombstone stays."""


async def ask(dependency: str, method: Any, request: Any) -> Any:
    """Calls another service. Raises Refused for a definite refusal, Unreachable when the outcome is open."""
    try:
        return await client.call(method, request, timeout_s=CALL_TIMEOUT_S)
    except ServiceError as error:
        raise judged(dependency, error.code, error.reason, error.message, error.metadata) from error


def judged(
    dependency: str, code: grpc.StatusCode, reason: str, message: str, metadata: Mapping[str, str]
) -> Refused | Unreachable:
    """The saga's exception for an error of another service."""
    if code in UNSETTLED and reason not in FINAL_REASONS:
        return Unreachable(dependency, f"{reason}: {message}")
    return Refused(Refusal(code.name, reason, message, dict(metadata)))


def batched(dependency: str, single: Any, batch: Any, request_type: Any, field: str) -> Together[Any, Any]:
    """A method whose concurrent calls are sent as one batch; returns `field` of the response."""

    async def one(request: Any) -> Any:
        return getattr(await ask(dependency, single, request), field)

    async def many(requests: Sequence[Any]) -> Sequence[Any]:
        try:
            answer = await ask(dependency, batch, request_type(requests=requests))
        except Refused:  # the batch itself was refused, for example for its size: send each alone
            return await asyncio.gather(*map(one, requests), return_exceptions=True)
        return [_refusal(dependency, result) or getattr(result, field) for result in answer.results]

    return Together(one, many)


def _refusal(dependency: str, result: Any) -> Refused | Unreachable | None:
    if not result.code:
        return None
    return judged(dependency, CODES[result.code], result.reason, result.message, result.metadata)
