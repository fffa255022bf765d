"""Calls other services: passes on the caller's deadline and request id; errors are raised as ServiceError."""

from __future__ import annotations

from functools import cache
from time import perf_counter
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor

from chassis import context, errors, metrics, tracing
from chassis.errors import ServiceError
from chassis.spread import Spread

CALLS = metrics.counter("rpc_client_calls_total", "RPCs of other services that were called", "method", "code")
SECONDS = metrics.histogram("rpc_client_seconds", "From calling another service to its answer", "method")
OPTIONS = [
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 0),
    # Reconnect to a restarted service at once, not after grpc's default of up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # The callers of this module decide about retries, by request_id; hidden retries would only lengthen an outage.
    ("grpc.enable_retries", 0),
]
OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
"""Without it, channels to one address share one connection."""


def connect(address: str, connections: int = 1) -> grpc.aio.Channel:
    """A channel to one service; it connects at its first use and reconnects when needed.

    A connection leads to one worker of the service: when it has several, open several (`config.connections`).
    """
    if connections == 1:
        return grpc.aio.insecure_channel(address, options=OPTIONS)
    options = [*OPTIONS, OWN_CONNECTION]
    return Spread([grpc.aio.insecure_channel(address, options=options) for _ in range(connections)])


async def call(method: Any, request: Any, timeout_s: float = context.DEFAULT_DEADLINE_S) -> Any:
    """Calls a stub's method within the caller's deadline and `timeout_s`. ServiceError for every failure."""
    within = context.remaining_s(timeout_s)
    if within <= 0:
        raise ServiceError(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "the deadline passed")
    name, code, started = method_name(request.DESCRIPTOR), "CANCELLED", perf_counter()
    try:
        with tracing.outgoing(name):
            answer = await method(request, timeout=within, metadata=_along())
        code = "OK"
    except grpc.aio.AioRpcError as failed:
        code = failed.code().name
        raise errors.from_rpc_error(failed) from failed
    finally:
        CALLS.of(name, code).value += 1
        SECONDS.of(name).observe(perf_counter() - started)
    return answer


def _along() -> tuple[tuple[str, str], ...] | None:
    request_id = context.request_id.get()
    caller = context.caller.get()
    ours = ((context.REQUEST_ID_KEY, request_id),) if request_id else ()
    theirs = ((context.CALLER_KEY, caller),) if caller else ()
    return (*ours, *theirs, *tracing.onward()) or None


@cache
def method_name(request: Descriptor) -> str:
    """The RPC that takes this message, such as `promo.v1.PromotionService/QuotePromotions`: each has its own request type."""
    services = request.file.services_by_name.values()
    named = (
        f"{service.full_name}/{rpc.name}"
        for service in services
        for rpc in service.methods
        if rpc.input_type is request
    )
    return next(named, request.full_name)
