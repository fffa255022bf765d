"""Connections to one server for one method, used in turn; an exhausted connection is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.bench.http2 import UNAVAILABLE, Connection, Done


class Channel:
    """Holds `connections` connections: a server with several workers assigns each to one. `target` is host:port."""

    def __init__(
        self,
        target: str,
        path: str,
        timeout_s: int,
        judge: Callable[[bytes], str] | None = None,
        connections: int = 1,
    ) -> None:
        self._target = target
        self._new = lambda: Connection(target, path, timeout_s, judge)
        self._number = connections
        self._connections: list[Connection] = []
        self._place = 0
        self._replacing = asyncio.Lock()
        self._late: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """OSError if no server listens there."""
        self._connections = [await self._connect() for _ in range(self._number)]

    def start(self, message: bytes, done: Done) -> None:
        """Starts one call; `done` is called once, and never from within `start`."""
        self._place = place = (self._place + 1) % self._number
        connection = self._connections[place]
        if not connection.spent:
            connection.start(message, done)
            return
        late = asyncio.get_running_loop().create_task(self._start_anew(place, message, done))
        self._late.add(late)
        late.add_done_callback(self._late.discard)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    async def _start_anew(self, place: int, message: bytes, done: Done) -> None:
        async with self._replacing:
            if self._connections[place].spent:
                try:
                    self._connections[place] = await self._connect()
                except OSError:
                    done(UNAVAILABLE)
                    return
        self._connections[place].start(message, done)

    async def _connect(self) -> Connection:
        host, _, port = self._target.rpartition(":")
        _, connection = await asyncio.get_running_loop().create_connection(self._new, host, int(port))
        await connection.greeted
        return connection
