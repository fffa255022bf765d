"""The goods of a bench run: written into the journal directly, as a restore would, and loaded by the gate's rebuild."""

from __future__ import annotations

import asyncio
import time
from typing import Any, LiteralString

import psycopg
import redis

from chassis import client
from chassis.errors import ServiceError
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1.reservation_service_pb2_grpc import ReservationServiceStub
from gen.promo.v1 import promotion_pb2, promotion_service_pb2
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from tests.stack import Stack

LOCATION = "bench"
HOT, SOLD_OUT, CODE = "HOT", "SOLD-OUT", "BENCH-10"
ON_HAND = 1_000_000_000
USES = 1_000_000_000
LOG_FILES = 30
"""WAL files of 16 MiB, a little less than the embedded server keeps."""
WITHIN_S = 300.0
PAUSE_S = 0.02

STOCK: tuple[LiteralString, ...] = (
    "INSERT INTO locations (location, name) VALUES (%(location)s, 'Bench') ON CONFLICT DO NOTHING",
    "CREATE TEMPORARY TABLE wanted AS SELECT unnest(%(skus)s::text[]) AS sku, %(on_hand)s::bigint AS on_hand",
    """INSERT INTO skus (sku, name, category, currency, price_minor)
       SELECT sku, 'Bench ' || sku, 'bench', 'EUR', 1999 FROM wanted""",
    """INSERT INTO stock_levels (key, sku, location, on_hand)
       SELECT sku || '@' || %(location)s, sku, %(location)s, on_hand FROM wanted""",
    "INSERT INTO lots (sku, lot) SELECT sku, '' FROM wanted",
    """INSERT INTO lot_levels (key, sku, lot, on_hand)
       SELECT sku || '@' || %(location)s, sku, '', on_hand FROM wanted""",
    """INSERT INTO stock_movements (kind, reference, key, on_hand_delta)
       SELECT 'RECEIVE', 'bench-' || sku, sku || '@' || %(location)s, on_hand FROM wanted""",
    "DROP TABLE wanted",
)


def sku(number: int) -> str:
    """The name of the sku with that number."""
    return f"SKU-{number:07}"


def stock(database_url: str, skus: list[str], on_hand: int = ON_HAND) -> None:
    """Creates skus with the same number of units each, in one location."""
    values = {"location": LOCATION, "skus": skus, "on_hand": on_hand}
    with psycopg.connect(database_url) as connection:
        for statement in STOCK:
            connection.execute(statement, values)


async def fill(stack: Stack, skus: int) -> None:
    """Creates everything that the rows sell, and the code that orders use."""
    database = stack.database("inventory")
    stock(database, [HOT, *(sku(number) for number in range(skus))])
    stock(database, [SOLD_OUT], 0)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        _age(connection)
    await rebuilt(stack)
    await _offer(stack)


def _age(connection: psycopg.Connection[Any]) -> None:
    """Writes WAL as after some time of use, so that the next checkpoint finds files to recycle."""
    for number in range(LOG_FILES):
        connection.execute("SELECT pg_logical_emit_message(false, 'bench', %s::text)", [str(number)])
        connection.execute("SELECT pg_switch_wal()")
    connection.execute("CHECKPOINT")


async def rebuilt(stack: Stack) -> float:
    """Empties the gate; returns the seconds until a reservation is accepted again."""
    with redis.Redis.from_url(str(stack.run["redis"])) as server:
        server.flushdb()
    started = time.monotonic()
    async with client.connect(stack.address("inventory")) as channel:
        stub: Any = ReservationServiceStub(channel)
        request = pb.ReserveStockRequest(request_id=f"probe-{started}", lines=[pb.ReserveLine(sku=HOT, quantity=1)])
        while True:
            try:
                await client.call(stub.ReserveStock, request, WITHIN_S)
            except ServiceError:
                if time.monotonic() - started > WITHIN_S:
                    raise
                await asyncio.sleep(PAUSE_S)
            else:
                return time.monotonic() - started


async def _offer(stack: Stack) -> None:
    """Creates ten percent off, with a usage limit, so that every order counts one use."""
    promotion = promotion_pb2.Promotion(
        promotion_id="bench", name="Ten percent off", percent_bps=1_000, code=CODE, usage_limit=USES
    )
    async with client.connect(stack.address("promo")) as channel:
        stub: Any = PromotionServiceStub(channel)
        create = promotion_service_pb2.CreatePromotionRequest(request_id="bench-create", promotion=promotion)
        activate = promotion_service_pb2.ActivatePromotionRequest(request_id="bench-activate", promotion_id="bench")
        await client.call(stub.CreatePromotion, create)
        await client.call(stub.ActivatePromotion, activate)
