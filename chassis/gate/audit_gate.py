"""The audit's reads of the gate beyond counters, a page at a time, and the only thing it removes: keys of old epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from chassis.gate.keys import GateKeys
from chassis.redis import Client

PAGE = 1_000
"""Fields per HSCAN: about a millisecond of the server."""
SCAN_PAGES = 20
"""Pages of SCAN per walk: a gate's database has a handful of keys; a shared database is not read to its end."""


class GatePages:
    """One partition's gate, in pages."""

    def __init__(self, client: Client, keys: GateKeys) -> None:
        self._redis = client
        self._keys = keys

    async def entries(self, epoch: int, cursor: int) -> tuple[int, list[tuple[str, str]]]:
        """(id, token) of some reservations, and the next cursor, 0 at the end. An entry may come twice."""
        following, found = await self._hscan(self._keys.reservations(epoch), cursor)
        return following, [(id, orjson.loads(body)[1]) for id, body in found.items()]

    async def counters(self, epoch: int, cursor: int) -> tuple[int, list[str]]:
        """Keys of some counters, and the next cursor, 0 at the end."""
        following, found = await self._hscan(self._keys.available(epoch), cursor)
        return following, list(found)

    async def drop_leftovers(self, epoch: int) -> int:
        """Unlinks keys of epochs before this one, if it is current; returns how many. A newer epoch may be loading."""
        if await self._redis.get(self._keys.pointer) != str(epoch):
            return 0
        prefix = self._keys.pointer.removesuffix("epoch")
        cursor = 0
        old: list[str] = []
        for _ in range(SCAN_PAGES):
            cursor, names = await self._redis.scan(cursor, match=f"{prefix}*", count=PAGE)
            old += [name for name in map(str, names) if 0 < _epoch_of(name, prefix) < epoch]
            if cursor == 0:
                break
        if old:
            await self._redis.unlink(*old)
        for left in await self._redis.smembers(self._keys.epochs):
            if int(left) < epoch:
                await self._redis.srem(self._keys.epochs, left)
        return len(old)

    async def _hscan(self, key: str, cursor: int) -> tuple[int, Mapping[str, str]]:
        answer: Any = await self._redis.hscan(key, cursor, count=PAGE)
        return int(answer[0]), answer[1]


def _epoch_of(name: str, prefix: str) -> int:
    epoch = name.removeprefix(prefix).partition(":")[0]
    return int(epoch) if epoch.isdigit() else 0
