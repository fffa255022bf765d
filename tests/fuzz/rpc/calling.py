"""Makes calls: the seed and the call's number determine method, bytes, deadline and metadata."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from random import Random
from typing import Any

import grpc

from tests.fuzz.rpc import requests
from tests.fuzz.rpc.judge import Asked, Judge
from tests.fuzz.rpc.methods import Method
from tests.fuzz.rpc.values import Pool

TIMEOUT_S = 60.0
"""Longer than any call of the product takes: a call that reaches it hangs."""
HELD_S = 0.05
"""A stream without messages is left after this long."""
MOST_ANSWERS = 3
METADATA: Sequence[tuple[tuple[str, str | bytes], ...]] = (
    (("x-request-id", "a" * 300),),
    (("x-request-id", "'; --"), ("x-caller", "b" * 300)),
    (("x-caller", " "),),
    (("traceparent", "00-" + "f" * 32 + "-" + "0" * 16 + "-ff"),),
    (("traceparent", "not a trace"), ("tracestate", "=" * 500)),
    (("blob-bin", bytes(range(256))),),
    (("long", "m" * 3000),),
)
WEIGHTS = {"AuditStock": 0.05, "AuditUsage": 0.05, "ServerReflectionInfo": 0.3, "Watch": 0.1}
"""Methods that cost far more than others are called less often."""


class Caller:
    """Calls the methods of a whole product."""

    def __init__(
        self, channels: Mapping[str, grpc.aio.Channel], methods: Sequence[Method], pool: Pool, judge: Judge
    ) -> None:
        self._channels = channels
        self._methods = methods
        self._weights = [WEIGHTS.get(method.path.rpartition("/")[2], 1.0) for method in methods]
        self._pool = pool
        self._judge = judge

    def ask(self, seed: int, number: int) -> tuple[Asked, Random]:
        """Returns call number `number`."""
        rng = Random(seed * 1_000_003 + number)
        [method] = rng.choices(self._methods, self._weights)
        raw = requests.message(rng, self._pool, method.request).SerializeToString()
        choice = rng.random()
        if choice < 0.2:
            raw = requests.spoiled(rng, raw)
        elif choice < 0.203:
            raw = requests.padded(rng, raw)
        impatient = rng.random() < 0.03
        return Asked(number, method, raw, rng.choice((0.001, 0.003, 0.02)) if impatient else TIMEOUT_S, impatient), rng

    async def call(self, asked: Asked, rng: Random) -> str | None:
        """Makes the call; returns a finding, or None."""
        metadata = rng.choice(METADATA) if rng.random() < 0.03 else None
        try:
            if asked.method.streams_responses:
                return await self._stream(asked, metadata)
            return await self._single(asked, metadata, rng)
        except grpc.aio.AioRpcError as error:
            return self._judge.refused(asked, error)
        except asyncio.CancelledError:
            if asked.impatient:
                return None
            raise

    async def _single(self, asked: Asked, metadata: Any, rng: Random) -> str | None:
        method: Any = self._channels[asked.method.server].unary_unary(asked.method.path)
        cancelled = asked.impatient and rng.random() < 0.5
        call = method(asked.raw, timeout=TIMEOUT_S if cancelled else asked.timeout_s, metadata=metadata)
        if cancelled:
            await asyncio.sleep(asked.timeout_s)
            call.cancel()
        return self._judge.answered(asked, await call)

    async def _stream(self, asked: Asked, metadata: Any) -> str | None:
        channel: Any = self._channels[asked.method.server]
        path, answers = asked.method.path, None
        if asked.method.streams_requests:
            answers = channel.stream_stream(path)(_several(asked.raw), timeout=asked.timeout_s, metadata=metadata)
        else:
            answers = channel.unary_stream(path)(asked.raw, timeout=asked.timeout_s, metadata=metadata)
        try:
            for _ in range(MOST_ANSWERS):
                async with asyncio.timeout(HELD_S):
                    raw = await answers.read()
                if raw is grpc.aio.EOF:
                    break
                if wrong := self._judge.answered(asked, raw):
                    return wrong
        except TimeoutError:
            pass
        finally:
            answers.cancel()
        return None


async def _several(raw: bytes) -> AsyncIterator[bytes]:
    for _ in range(MOST_ANSWERS - 1):
        yield raw
