"""Metrics of a process's connections to Postgres, read from the pool at each scrape."""

from __future__ import annotations

from typing import Any

from psycopg_pool import AsyncConnectionPool

from chassis import metrics

CONNECTIONS = metrics.gauge("db_pool_connections", "Connections to Postgres: in_use or idle", "state")
WAITING = metrics.gauge("db_pool_waiting", "Callers that wait for a connection to Postgres")
WAIT_SECONDS = metrics.counter("db_pool_wait_seconds_total", "Time spent waiting for connections to Postgres")


def watch(pool: AsyncConnectionPool[Any]) -> None:
    """Makes the metrics report this pool from now on."""

    def now(name: str) -> int:
        return pool.get_stats().get(name, 0)

    CONNECTIONS.of("in_use").read_from(lambda: now("pool_size") - now("pool_available"))
    CONNECTIONS.of("idle").read_from(lambda: now("pool_available"))
    WAITING.read_from(lambda: now("requests_waiting"))
    WAIT_SECONDS.read_from(lambda: now("requests_wait_ms") / 1000)
