"""Reads that are asked at the same time become one query. Each sees at least what was committed when it was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from chassis import patience, stages
from chassis.batcher import Batcher

V = TypeVar("V")

LANES = 2
"""While one query runs, another may: neither waits for a commit."""
PACE_S = 0.005
"""A query begins so long after the one before it: a lone read waits for nobody, many become few queries."""
KEYS = 1_000
"""Keys per query, at least one request's."""
QUEUE_ITEMS = 4_096
"""Waiting requests; more are refused with OVERLOADED."""


class SharedReads(Generic[V]):
    """`read` answers values by key, for the keys that exist; `name` is for metrics. Start it in the loop that asks."""

    def __init__(self, name: str, read: Callable[[list[str]], Awaitable[Mapping[str, V]]]) -> None:
        self._read = read
        self._batcher: Batcher[Sequence[str], Mapping[str, V]] = stages.stage(
            name, self._flush, lanes=LANES, batch_weight=KEYS, queue_items=QUEUE_ITEMS, weight=len, pace_s=PACE_S
        )

    def start(self) -> None:
        """Starts the lanes."""
        self._batcher.start()

    async def close(self) -> None:
        """Answers who waits, then ends the lanes."""
        await self._batcher.close()

    async def get(self, keys: Sequence[str]) -> Mapping[str, V]:
        """The values of those keys that exist, and perhaps of others. What `read` raises; OVERLOADED."""
        return await self._batcher.submit(keys)

    async def _flush(self, requests: Sequence[Sequence[str]]) -> list[Mapping[str, V]]:
        with patience.of(patience.READ_S):
            found = await self._read(list(dict.fromkeys(key for keys in requests for key in keys)))
        return [found] * len(requests)
