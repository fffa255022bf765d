"""Concurrent reads become one query. Each read sees at least the data that was committed when it was submitted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from chassis import patience, stages
from chassis.batcher import Batcher

V = TypeVar("V")

LANES = 2
"""Two queries may run at once: neither waits for a commit."""
PACE_S = 0.005
"""Minimum interval between query starts: a single read starts at once, many reads share few queries."""
KEYS = 1_000
"""Keys per query; a query serves at least one request, whatever its size."""
QUEUE_ITEMS = 4_096
"""Queued requests; further ones are rejected with OVERLOADED."""


class SharedReads(Generic[V]):
    """`read` returns values by key, for the keys that exist; `name` is for metrics. Start it in the loop that calls `get`."""

    def __init__(self, name: str, read: Callable[[list[str]], Awaitable[Mapping[str, V]]]) -> None:
        self._read = read
        self._batcher: Batcher[Sequence[str], Mapping[str, V]] = stages.stage(
            name, self._flush, lanes=LANES, batch_weight=KEYS, queue_items=QUEUE_ITEMS, weight=len, pace_s=PACE_S
        )

    def start(self) -> None:
        """Starts the lanes."""
        self._batcher.start()

    async def close(self) -> None:
        """Completes pending reads, then ends the lanes."""
        await self._batcher.close()

    async def get(self, keys: Sequence[str]) -> Mapping[str, V]:
        """Returns the values of the keys that exist, and perhaps of others. Raises OVERLOADED, and whatever `read` raises."""
        return await self._batcher.submit(keys)

    async def _flush(self, requests: Sequence[Sequence[str]]) -> list[Mapping[str, V]]:
        with patience.of(patience.READ_S):
            found = await self._read(list(dict.fromkeys(key for keys in requests for key in keys)))
        return [found] * len(requests)
