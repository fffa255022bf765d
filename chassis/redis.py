"""Redis or Valkey clients without hidden retries: callers decide whether to retry a take, within their deadline."""

from __future__ import annotations

from typing import TypeAlias

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

Client: TypeAlias = Redis

CONNECTIONS = 32
"""Scripts are batched, so few are in flight at once; other commands are queued for at most POOL_TIMEOUT_S."""
POOL_TIMEOUT_S = 2.0
SOCKET_TIMEOUT_S = 2.0
"""A server that is silent this long is treated as lost; its pending commands are safe to repeat."""


def connect(url: str) -> Client:
    """A client that returns text, waits for a free connection and never retries by itself."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=POOL_TIMEOUT_S,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    return Redis.from_pool(pool)
