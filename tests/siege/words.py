"""Attacks by content: GraphQL whose fragments double, bytes that are not a protobuf message."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import grpc
import orjson
from websockets.asyncio.client import connect

from tests.siege.target import Target

BOMBS = range(10, 101, 10)
BOMB_PAUSE_S = 0.05
ANSWER_WITHIN_S = 5.0
MALFORMED_PER_S = 300
MALFORMED = b"\xff\xff"
METHODS = (
    "/inventory.v1.StockService/GetStock",
    "/inventory.v1.ReservationService/ReserveStock",
    "/inventory.v1.StockService/ListStock",
)


def bomb(depth: int) -> str:
    """A query whose fragments expand to 2 to the power of `depth`."""
    parts = [f"fragment F{one} on Query{{...F{one + 1} ...F{one + 1}}}" for one in range(depth)]
    return " ".join(["{...F0}", *parts, f"fragment F{depth} on Query{{__typename}}"])


async def bombs_over_http(target: Target) -> AsyncIterator[int]:
    """One after the other, with the API token."""
    headers = {"Authorization": f"Bearer {target.token}"}
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    async with aiohttp.ClientSession(target.edge, headers=headers, timeout=timeout) as session:
        for sent, depth in enumerate(itertools.cycle(BOMBS), 1):
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.post("/graphql", json={"query": bomb(depth)}) as answer:
                    await answer.read()
            if sent >= len(BOMBS):
                yield sent
            await asyncio.sleep(BOMB_PAUSE_S)


async def bombs_over_websocket(target: Target) -> AsyncIterator[int]:
    """The same with the ticket of a public page."""
    for sent, depth in enumerate(itertools.cycle(BOMBS), 1):
        with suppress(OSError, Exception):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await _say(target, depth)
        if sent >= len(BOMBS):
            yield sent
        await asyncio.sleep(BOMB_PAUSE_S)


async def _say(target: Target, depth: int) -> None:
    url = f"{target.websocket}/graphql?ticket={target.ticket}"
    async with connect(url, subprotocols=["graphql-transport-ws"], compression=None) as socket:  # type: ignore[list-item]
        await socket.send('{"type":"connection_init"}')
        await socket.recv()
        payload = {"query": bomb(depth)}
        await socket.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
        await socket.recv()


async def malformed_protobufs(target: Target) -> AsyncIterator[int]:
    """300 calls per second whose messages are two invalid bytes."""
    loop = asyncio.get_running_loop()
    sent = 0
    async with grpc.aio.insecure_channel(target.grpc) as channel:
        methods = [channel.unary_unary(name, request_serializer=bytes, response_deserializer=bytes) for name in METHODS]
        began = loop.time()
        for method in itertools.cycle(methods):
            call = method(MALFORMED, timeout=ANSWER_WITHIN_S)
            call.add_done_callback(lambda _: None)
            with suppress(grpc.aio.AioRpcError):
                await call
            sent += 1
            await asyncio.sleep(max(0.0, began + sent / MALFORMED_PER_S - loop.time()))
            if sent >= len(METHODS):
                yield sent
