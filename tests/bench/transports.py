"""Ways to reach a server, as cheap as Python allows: one prepared message in, the outcome's name passed to a callback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import psycopg
import redis.asyncio

from chassis.gate.journal import RESERVE
from tests.bench.channel import Channel
from tests.bench.http2 import Done
from tests.bench.load import ALL_WELL, Load
from tests.demo.http_client import Pool

TIMEOUT_S = 30.0
OUTCOME_CHARACTERS = 80
Start: TypeAlias = Callable[[bytes, Done], None]
Call: TypeAlias = Callable[[bytes], Awaitable[str]]


@asynccontextmanager
async def opened(load: Load, in_flight: int, connections: int) -> AsyncIterator[Start]:
    """A separate transport for one slice: starts a call, whose outcome arrives in a later turn of the loop."""
    if load.transport == "grpc":
        async with _grpc(load, connections) as start:
            yield start
        return
    ways = {"rest": _rest, "gate": _gate, "journal": _journal}
    async with ways[load.transport](load, in_flight) as call:
        yield _as_tasks(call)


def _as_tasks(call: Call) -> Start:
    running: set[asyncio.Task[None]] = set()

    async def run(message: bytes, done: Done) -> None:
        try:
            outcome = await call(message)
        except Exception as failed:  # a call without an outcome would never end
            outcome = f"{type(failed).__name__}: {failed}"[:OUTCOME_CHARACTERS]
        done(outcome)

    def start(message: bytes, done: Done) -> None:
        task = asyncio.get_running_loop().create_task(run(message, done))
        running.add(task)
        task.add_done_callback(running.discard)

    return start


@asynccontextmanager
async def _grpc(load: Load, connections: int) -> AsyncIterator[Start]:
    """Messages stay bytes in the client, and an answer is decoded only if the row has a judge."""
    channel = Channel(load.target, load.method, int(TIMEOUT_S), load.judge, connections)
    await channel.open()
    yield channel.start
    channel.close()


@asynccontextmanager
async def _rest(load: Load, in_flight: int) -> AsyncIterator[Call]:
    """`arguments` is the token. The id is in the body and in the key, so the key is taken from the body."""
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
    """The journal's function alone; `arguments` are partition and epoch. One connection, so one call in flight."""
    partition, epoch = map(int, load.arguments)
    async with await psycopg.AsyncConnection.connect(load.target, autocommit=True) as connection:

        async def call(message: bytes) -> str:
            cursor = await connection.execute(RESERVE, (partition, epoch, message.decode()))
            row = await cursor.fetchone()
            return ALL_WELL if row is not None and '"existing": []' in row[0] else str(row)[:60]

        yield call
