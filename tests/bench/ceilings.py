"""Parts of the product's path, alone: the gate's script on Valkey, the journal's function on Postgres, batch by batch."""

from __future__ import annotations

import orjson
import psycopg
import redis

from chassis.gate import scripts
from chassis.gate.keys import GateKeys
from chassis.migrate import migrate
from tests.bench import shop
from tests.bench.load import ID, Load
from tests.bench.messages import BATCH

PARTITION, EPOCH = 0, 1
KEY = f"{shop.HOT}@{shop.LOCATION}"
DUE_MS = 2**52


def gate(redis_url: str) -> Load:
    """Creates a gate of one counter on an empty Redis database; each call is one script for BATCH reservations."""
    keys = GateKeys("bench", PARTITION)
    script = scripts.reserve(EPOCH)
    with redis.Redis.from_url(redis_url) as server:
        server.flushdb()
        server.set(keys.pointer, EPOCH)
        server.hset(keys.available(EPOCH), KEY, shop.ON_HAND)
        server.script_load(script)
    batch = [[f"{ID}-{index:02}", "fingerprint", "nonce", DUE_MS, [[1, 0, [KEY]]], DUE_MS] for index in range(BATCH)]
    arguments = (keys.pointer, *keys.of_epoch(EPOCH)[:3])
    return Load("gate", redis_url, scripts.sha(script), (orjson.dumps(batch),), arguments=arguments)


def journal(database_url: str) -> Load:
    """Creates a journal of one level; each call is one transaction for BATCH reservations."""
    fill_journal(database_url)
    batch = [
        {
            "id": f"{ID}-{index:02}",
            "fingerprint": "fingerprint",
            "nonce": "nonce",
            "owner": "",
            "ttl_ms": 86_400_000,
            "lines": [{"key": KEY, "quantity": 1}],
        }
        for index in range(BATCH)
    ]
    arguments = (str(PARTITION), str(EPOCH))
    return Load("journal", database_url, "journal_reserve", (orjson.dumps(batch),), arguments=arguments)


def fill_journal(database_url: str) -> None:
    """Fills a database: the product's schema, one level, and an epoch that belongs to no gate."""
    migrate("inventory", database_url)
    shop.stock(database_url, [shop.HOT])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO gate (partition, epoch, run_id) VALUES (%s, %s, '')", (PARTITION, EPOCH))
