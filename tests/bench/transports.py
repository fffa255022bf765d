"""Ways to reach a server, as cheap as Python allows: one prepared message in, the outcome's name out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import psycopg
import redis.asyncio

from chassis.gate.journal import RESERVE
from tests.bench.channel import Channel
from tests.bench.load import ALL_WELL, Load
from tests.demo.http_client import Pool

TIMEOUT_S = 30.0
Call: TypeAlias = Callable[[bytes], Awaitable[str]]


@asynccontextmanager
async def opened(load: Load, in_flight: int) -> AsyncIterator[Call]:
    """A way in of its own for one slice."""
    ways = {"grpc": _grpc, "rest": _rest, "gate": _gate, "journal": _journal}
    async with ways[load.transport](load, in_flight) as call:
        yield call


@asynccontextmanager
async def _grpc(load: Load, _in_flight: int) -> AsyncIterator[Call]:
    """Messages stay bytes on our side, and an answer is read only where the row wants it judged."""
    channel = Channel(load.target, load.method, int(TIMEOUT_S), load.judge, load.connections)
    await channel.open()
    yield channel.call
    channel.close()


@asynccontextmanager
async def _rest(load: Load, in_flight: int) -> AsyncIterator[Call]:
    """`arguments` is the token. The id stands in the body and in the key, so the key is cut out of the body."""
    pool = Pool(load.target, in_flight)
    common = {"authorization": f"Bearer {load.arguments[0]}", "content-type": "application/json"}
    judge = load.judge

    async def call(message: bytes) -> str:
        key, _, content = message.partition(b"\n")
        headers = {**common, "idempotency-key": key.decode()}
        answer = await pool.send("POST", load.method, headers, content, TIMEOUT_S)
        if answer.status >= 300:
            return f"HTTP_{answer.status}"
        return judge(answer.body) if judge else ALL_WELL

    yield call
    await pool.close()


@asynccontextmanager
async def _gate(load: Load, _in_flight: int) -> AsyncIterator[Call]:
    """The script alone: `method` is its sha, `arguments` are its keys."""
    async with redis.asyncio.Redis.from_url(load.target) as client:

        async def call(message: bytes) -> str:
            answer: Any = await client.evalsha(load.method, len(load.arguments), *load.arguments, message)
            return ALL_WELL if answer.startswith(b'[["taken"') else answer[:40].decode()

        yield call


@asynccontextmanager
async def _journal(load: Load, _in_flight: int) -> AsyncIterator[Call]:
    """The journal's function alone; `arguments` are partition and epoch. One connection, hence one call in flight."""
    partition, epoch = map(int, load.arguments)
    async with await psycopg.AsyncConnection.connect(load.target, autocommit=True) as connection:

        async def call(message: bytes) -> str:
            cursor = await connection.execute(RESERVE, (partition, epoch, message.decode()))
            row = await cursor.fetchone()
            return ALL_WELL if row is not None and '"existing": []' in row[0] else str(row)[:60]

        yield call
