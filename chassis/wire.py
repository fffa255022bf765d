"""One connection to Redis that many callers share: commands are sent at once, and answers arrive in the same order.

For the gate's scripts: it takes a third of a pooled client's CPU time per command. Everything else uses the pool of `redis.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, TypeAlias

import hiredis
import redis.exceptions as failures
from redis.asyncio.connection import DefaultParser

from chassis import futures
from chassis.redis import SOCKET_TIMEOUT_S, Client

Word: TypeAlias = str | bytes | int


class Wire:
    """Connects at its first use and again after a failure. Never sends a command twice."""

    def __init__(self, client: Client) -> None:
        self._pool = client.connection_pool
        self._link: _Link | None = None
        self._connecting: asyncio.Task[_Link] | None = None

    async def call(self, *command: Word) -> Any:
        """Returns the server's answer, text as `str`. Raises an exception of `redis.exceptions` when the answer is an error, or
        when there is none within SOCKET_TIMEOUT_S: then the command may have been executed."""
        link = self._link
        if link is None or link.broken:
            link = await self._connected()
        try:
            async with asyncio.timeout(SOCKET_TIMEOUT_S):
                return await link.ask(command)
        except TimeoutError as silent:
            link.close()
            raise failures.TimeoutError("Redis did not answer in time") from silent

    def close(self) -> None:
        """Closes the connection; calls that wait for an answer raise ConnectionError. A later call reconnects."""
        if self._link is not None:
            self._link.close()

    async def _connected(self) -> _Link:
        """Connects, with one attempt at a time for all callers; a caller that is cancelled does not stop it for the others."""
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> _Link:
        """Lets the library do the handshake (TLS, user, database, encoding), then takes over the connection."""
        connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        await connection.connect()
        self._link = _Link(connection._writer)  # noqa: SLF001 - the library has no public way to hand it over
        connection._writer = connection._reader = None  # noqa: SLF001 - otherwise the library would close it
        return self._link


class _Link(asyncio.Protocol):
    """An open connection and the futures of its pending commands."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.broken = False
        self._writer = writer  # kept: without a reference it closes its transport
        self._transport: asyncio.Transport = writer.transport  # type: ignore[assignment]
        self._reader = hiredis.Reader(replyError=DefaultParser.parse_error, encoding="utf-8")
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._loop = asyncio.get_running_loop()
        self._transport.set_protocol(self)

    def ask(self, command: tuple[Word, ...]) -> asyncio.Future[Any]:
        """Sends a command; returns a future for the answer."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        if self.broken:
            answer.set_exception(failures.ConnectionError("the connection to Redis broke"))
            return answer
        self._waiting.append(answer)
        self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]
        return answer

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            if isinstance(answer, hiredis.PushNotification):
                continue  # such as a maintenance notice: it answers no command
            futures.resolve(self._waiting.popleft(), answer)

    def connection_lost(self, _why: Exception | None) -> None:
        self.close()

    def close(self) -> None:
        self.broken = True
        self._transport.close()
        while self._waiting:
            futures.resolve(self._waiting.popleft(), failures.ConnectionError("the connection to Redis broke"))
