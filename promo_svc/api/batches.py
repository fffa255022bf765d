"""Batches: each request is handled on its own and gets its own result or error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from chassis import bounds_check
from chassis.interceptors.errors import to_service_error
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1 import quote_pb2
from promo_svc.api.errors import TABLE

T = TypeVar("T")


def attempt(read: Callable[[Any], T], message: Any) -> T | Exception:
    """Returns one request as read, or the error that refuses it."""
    try:
        bounds_check.check(message)  # an error refuses this request only
        return read(message)
    except Exception as raised:
        return raised


def quote_result(quote: quote_pb2.Quote | Exception) -> pb.QuoteResult:
    """The result of one cart."""
    return pb.QuoteResult(**_failure(quote)) if isinstance(quote, Exception) else pb.QuoteResult(quote=quote)


async def redemption_results(message: Any, handle: Callable[[Any, Any], Awaitable[Any]]) -> list[pb.RedemptionResult]:
    """The result of each request, from the handler of a single request."""
    return await asyncio.gather(*(_redemption_result(one, handle) for one in message.requests))


async def _redemption_result(message: Any, handle: Callable[[Any, Any], Awaitable[Any]]) -> pb.RedemptionResult:
    try:
        bounds_check.check(message)
        answer = await handle(message, None)
    except Exception as raised:
        return pb.RedemptionResult(**_failure(raised))
    return pb.RedemptionResult(redemption=answer.redemption, replayed=answer.replayed)


def _failure(raised: Exception) -> dict[str, Any]:
    error = to_service_error(raised, TABLE)
    return {
        "code": error.code.value[0],
        "reason": error.reason,
        "message": error.message,
        "metadata": dict(error.metadata),
    }
