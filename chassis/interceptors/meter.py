"""Counts each RPC that is served, with its duration and its outcome. About half a microsecond per call."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, TypeAlias

from chassis import access, metrics
from chassis.errors import ServiceError

Handler: TypeAlias = Callable[[Any, Any], Awaitable[Any]]

CALLS = metrics.counter("rpc_server_calls_total", "RPCs answered", "method", "code")
SECONDS = metrics.histogram("rpc_server_seconds", "From a request's arrival to its answer", "method")
IN_FLIGHT = metrics.gauge("rpc_server_in_flight", "RPCs being served", "method")
REFUSALS = metrics.counter(
    "rpc_server_refusals_total", "RPCs answered with an error, by its documented reason", "method", "reason"
)


def metered(method: str, handle: Handler) -> Handler:
    """Counts `handle` under the method's full name, such as `inventory.v1.StockService/GetStock`.

    `handle` returns the response or the ServiceError that ended the call; for an error, grpc gets None.
    """
    in_flight, ok, spread = IN_FLIGHT.of(method), CALLS.of(method, "OK"), SECONDS.of(method)
    counts, bounds = spread.counts, metrics.SECONDS

    async def measured(message: Any, rpc: Any) -> Any:
        started = perf_counter()
        in_flight.value += 1
        try:
            answer = await handle(message, rpc)
        except BaseException as ended:  # the caller is gone or its deadline has passed
            in_flight.value -= 1
            _failed(method, cut(ended, rpc), "", perf_counter() - started)
            raise
        in_flight.value -= 1
        seconds = perf_counter() - started
        if type(answer) is ServiceError:
            _failed(method, answer.code.name, answer.reason, seconds)
            return None
        ok.value += 1
        # What spread.observe() does, without the call.
        counts[bisect_left(bounds, seconds)] += 1
        spread.total += seconds
        if seconds > access.SLOW_S:
            access.requests.note("access.rpc", method=method, code="OK", seconds=round(seconds, 4))
        return answer

    return measured


def _failed(method: str, code: str, reason: str, seconds: float) -> None:
    CALLS.of(method, code).value += 1
    SECONDS.of(method).observe(seconds)
    REFUSALS.of(method, reason or code).value += 1
    if code in access.FAILED or seconds > access.SLOW_S:
        access.requests.note("access.rpc", method=method, code=code, reason=reason, seconds=round(seconds, 4))


def cut(ended: BaseException, rpc: Any) -> str:
    """The code of a call that was interrupted."""
    if not isinstance(ended, asyncio.CancelledError):
        return "UNKNOWN"
    left = rpc.time_remaining()
    return "DEADLINE_EXCEEDED" if left is not None and left <= 0 else "CANCELLED"
