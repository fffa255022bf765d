"""The long form: seconds of a rebuild, memory of the gate and throughput, from a thousand stock levels to a million."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

import psycopg
import redis

from chassis.gate.keys import GateKeys
from tests import databases
from tests.bench import messages, shop
from tests.bench.clients import Clients
from tests.bench.config import Settings
from tests.bench.load import Load
from tests.bench.measurement import Meter, combined, streams_of
from tests.bench.rows import OURS, RESERVE, Row
from tests.stack import Stack

SIZES = (1_000, 10_000, 100_000, 1_000_000)
LEVELS_PER_LIVE = 10
"""Measured once more at the largest size with one level in ten reserved: 100 k of 1 M."""
TEMPLATES = 50_000
CHUNK = 100_000

END_LIVE: tuple[LiteralString, ...] = (
    """CREATE TEMPORARY TABLE live AS
       SELECT r.id, l.key, l.quantity FROM reservations r, jsonb_to_recordset(r.lines) AS l(key text, quantity bigint)
        WHERE r.state = 'ACTIVE'""",
    "INSERT INTO stock_movements (kind, reference, key, reserved_delta) SELECT 'RELEASE', id, key, -quantity FROM live",
    "UPDATE stock_levels SET reserved = 0, version = version + 1 WHERE reserved > 0",
    "UPDATE reservations SET state = 'RELEASED', ended_at = now() WHERE state = 'ACTIVE'",
)
MAKE_LIVE: tuple[LiteralString, ...] = (
    """CREATE TEMPORARY TABLE live AS
       SELECT 'live-' || number AS id, key FROM (
         SELECT key, row_number() OVER () AS number FROM stock_levels WHERE on_hand > 0 LIMIT %(live)s) numbered""",
    """INSERT INTO reservations (id, partition, state, fingerprint, nonce, epoch, owner, lines, expires_at)
       SELECT id, 0, 'ACTIVE', 'live', id, (SELECT epoch FROM gate WHERE partition = 0), '',
              jsonb_build_array(jsonb_build_object('key', key, 'quantity', 1)), now() + interval '1 day' FROM live""",
    "INSERT INTO stock_movements (kind, reference, key, reserved_delta) SELECT 'RESERVE', id, key, 1 FROM live",
    "UPDATE stock_levels s SET reserved = reserved + 1, version = version + 1 FROM live WHERE s.key = live.key",
)


async def run(
    settings: Settings, stack: Stack, say: Callable[[str], None], sizes: Sequence[int] = SIZES
) -> list[dict[str, Any]]:
    """Returns one entry per size, and one more for the largest with one level in ten reserved.

    The product must be a fresh one: existing data would be counted.
    """
    found = []
    database = stack.database("inventory")
    shop.stock(database, [shop.HOT])
    with contextlib.closing(Clients(settings.clients)) as clients:
        meter = Meter(settings, clients, stack.run["pids"], [database], streams_of(stack))
        levels = 1
        for size in sizes:
            say(f"growing to {size:,} stock levels")
            while levels < size:
                wanted = min(size, levels + CHUNK)
                shop.stock(database, [shop.sku(number) for number in range(levels, wanted)])
                levels = wanted
            _execute(database, END_LIVE)  # leftovers of the smaller size
            found.append(await _size(settings, stack, meter, size))
        _execute(database, END_LIVE)
        _execute(database, MAKE_LIVE, live(sizes[-1]))
        found.append(await _size(settings, stack, meter, sizes[-1]))
    return found


def live(levels: int) -> int:
    """Live reservations when the stock has its full size."""
    return levels // LEVELS_PER_LIVE


async def _size(settings: Settings, stack: Stack, meter: Meter, levels: int) -> dict[str, Any]:
    reservations = _count_live(stack)
    rebuild_s = await shop.rebuilt(stack)
    gate_bytes = _gate_bytes(stack)
    chosen = [shop.sku(number) for number in random.sample(range(1, levels), min(levels - 1, TEMPLATES))]
    load = Load("grpc", stack.address("inventory"), RESERVE, messages.reserve(chosen))
    row = Row("reserve_spread", OURS, f"ReserveStock, {levels:,} skus", load)
    measured = combined([await meter.measure(row) for _ in range(settings.rounds)])
    return {
        "levels": levels,
        "reservations": reservations,
        "rebuild_s": round(rebuild_s, 3),
        "gate_bytes": gate_bytes,
        "reserve_spread_ops_per_s": round(measured.ops_per_s, 1),
        "reserve_spread_p99_ms": round(measured.p99_ms, 3),
    }


def _execute(database: str, statements: tuple[LiteralString, ...], number: int = 0) -> None:
    """Runs them in one transaction, then refreshes the statistics, as a service would have them after a while."""
    with psycopg.connect(database) as connection:
        for statement in statements:
            connection.execute(statement, {"live": number})
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _count_live(stack: Stack) -> int:
    [[number]] = databases.read(stack.database("inventory"), "SELECT count(*) FROM reservations WHERE state = 'ACTIVE'")
    return int(number)


def _gate_bytes(stack: Stack) -> int:
    """Memory of all keys of the stock's gate, estimated by the server from samples."""
    keys = GateKeys("inv", 0)
    with redis.Redis.from_url(str(stack.run["redis"])) as server:
        epoch = int(server.get(keys.pointer) or 0)
        return sum(int(server.memory_usage(key, samples=1_000) or 0) for key in keys.of_epoch(epoch))
