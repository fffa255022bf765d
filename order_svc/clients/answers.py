"""Tells a definite refusal of another service from an answer that settles nothing."""

from __future__ import annotations

from typing import Any

import grpc

from chassis import client
from chassis.errors import ServiceError
from order_svc.domain.errors import Refused, Unreachable
from order_svc.domain.order import Refusal

CALL_TIMEOUT_S = 3.0
"""A healthy answer takes milliseconds; whoever is silent this long is asked again."""
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
FINAL_REASONS = frozenset({"RESERVATION_ABORTED", "REDEMPTION_ABORTED"})
"""Reasons that settle it whatever their code: a tombstone stays."""


async def ask(dependency: str, method: Any, request: Any) -> Any:
    """Calls another service. Refused for a definite no, Unreachable when the outcome is open."""
    try:
        return await client.call(method, request, timeout_s=CALL_TIMEOUT_S)
    except ServiceError as error:
        if error.code in UNSETTLED and error.reason not in FINAL_REASONS:
            raise Unreachable(dependency, f"{error.reason}: {error.message}") from error
        raise Refused(Refusal(error.code.name, error.reason, error.message, dict(error.metadata))) from error
