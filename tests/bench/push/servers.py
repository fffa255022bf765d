"""The servers of the measured product: the embedded ones, and those named by TEST_DATABASE_URL and TEST_REDIS_URL."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import redis

from tests import config, databases
from tests.servers import wait_for
from tests.stack import Stack

EMBEDDED, GIVEN = "embedded", "given"


def environments() -> Mapping[str, Mapping[str, str]]:
    """Environments that start a product on each kind of server. Redis keeps gate and events in different databases."""
    found: dict[str, Mapping[str, str]] = {EMBEDDED: {}}
    given = config.load()
    if given.database_url is not None and given.redis_url is not None:
        gate, events = (databases.named(given.redis_url, number) for number in ("2", "3"))
        found[GIVEN] = {"DATABASE_URL": given.database_url, "REDIS_URL": gate, "BROKER_URL": events}
    return found


def pids(stack: Stack) -> Mapping[str, int]:
    """Every process of the product, and its Postgres and Redis even if another process started them."""
    with psycopg.connect(str(stack.run["database"]), autocommit=True) as connection:
        postmaster = psutil.Process(connection.info.backend_pid).ppid()
    with redis.Redis.from_url(str(stack.run["redis"])) as client:
        gate = client.info("server")["process_id"]
    return {**stack.run["pids"], "postgres": postmaster, "redis": gate}


def remember_commits(stack: Stack) -> None:
    """Makes Postgres record the commit time of each transaction, which takes effect when it restarts."""
    with psycopg.connect(str(stack.run["database"]), autocommit=True) as connection:
        if connection.execute("SHOW track_commit_timestamp").fetchone() == ("on",):
            return
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    before = stack.pid("postgres")
    if before is None:
        raise SystemExit(
            "track_commit_timestamp is now on in TEST_DATABASE_URL's Postgres: restart it, then run this again"
        )
    os.kill(before, signal.SIGINT)
    wait_for(lambda: stack.pid("postgres") not in (None, before), "Postgres has restarted")
    wait_for(lambda: httpx.get(f"{stack.edge}/readyz").is_success, "the product is ready again")
