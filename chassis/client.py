"""Calls other services: the caller's deadline and request id go along, errors come back as ServiceError."""

from __future__ import annotations

from typing import Any

import grpc

from chassis import context, errors
from chassis.errors import ServiceError
from chassis.spread import Spread

OPTIONS = [
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 0),
    # A service that was restarted must be found again at once, not after grpc's default of up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Retries are decided above, by request_id; hidden ones would only lengthen an outage.
    ("grpc.enable_retries", 0),
]
OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
"""Else channels to one address share one connection."""


def connect(address: str, connections: int = 1) -> grpc.aio.Channel:
    """A channel to one service; connects when first used and again whenever it must.

    A connection ends in one of the service's workers: with several of those, open several (`config.connections`).
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
    metadata = ((context.REQUEST_ID_KEY, context.request_id.get()),) if context.request_id.get() else None
    try:
        return await method(request, timeout=within, metadata=metadata)
    except grpc.aio.AioRpcError as failed:
        raise errors.from_rpc_error(failed) from failed
