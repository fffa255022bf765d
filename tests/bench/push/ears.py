"""Listeners in separate processes: each gets its filters, and reports the events that arrived and when."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Coroutine, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, TypeAlias

import orjson
import redis.asyncio
import uvloop
import websockets

CHANGED = "inventory.stock_level.changed"
CHANNEL = "bench-push"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
END_OF_HEAD = b"\r\n\r\n"
CONTENT_LENGTH = b"content-length:"


Listen: TypeAlias = Callable[..., Coroutine[Any, Any, None]]
"""Takes a book and a future, then its own arguments; resolves the future when it listens, and never returns."""


class Heard(NamedTuple):
    """Per event and listener the event's own time and its arrival time, unix seconds; and the processor time of listening."""

    arrivals: list[tuple[str, float]]
    cpu_s: float


class Ears:
    """One listening process. `open` returns when it listens, `hear` returns the events of the seconds since then."""

    def __init__(self, listen: Listen, *arguments: Any) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, listen, arguments), daemon=True)
        self._process.start()
        theirs.close()

    async def opened(self) -> Any:
        """The value that the listener reports when it is ready, such as its port."""
        return await self._answer()

    async def begin(self) -> None:
        """Discards earlier events."""
        self._pipe.send("begin")
        await self._answer()

    async def heard(self) -> Heard:
        """Events that arrived since `begin`."""
        self._pipe.send("tell")
        return Heard(*await self._answer())

    def close(self) -> None:
        self._pipe.close()
        self._process.join(5)
        self._process.kill()

    async def _answer(self) -> Any:
        answer = await asyncio.to_thread(self._pipe.recv)
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Book:
    """Events that one process has received."""

    def __init__(self) -> None:
        self.arrivals: list[tuple[str, float]] = []

    def note(self, told: str) -> None:
        self.arrivals.append((told, time.time()))


def _serve(pipe: Connection[Any, Any], listen: Listen, arguments: Sequence[Any]) -> None:
    try:
        uvloop.run(_listen(pipe, listen, arguments))
    except (EOFError, KeyboardInterrupt):
        return
    except Exception as failed:
        pipe.send(RuntimeError(repr(failed)))


async def _listen(pipe: Connection[Any, Any], listen: Listen, arguments: Sequence[Any]) -> None:
    book = _Book()
    ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    listening = asyncio.create_task(listen(book, ready, *arguments))
    await asyncio.wait([ready, listening], return_when=asyncio.FIRST_COMPLETED)
    if listening.done():
        listening.result()
    pipe.send(ready.result())
    cpu_s = 0.0
    while True:
        asked = await asyncio.to_thread(pipe.recv)
        if listening.done():
            listening.result()
        if asked == "begin":
            book.arrivals.clear()
            cpu_s = time.process_time()
            pipe.send(None)
        else:
            pipe.send((list(book.arrivals), time.process_time() - cpu_s))


async def websocket_clients(book: _Book, ready: asyncio.Future[int], url: str, token: str, filters: list[str]) -> None:
    """One WebSocket client per filter, such as `skus=A,B`."""
    headers = {"Authorization": f"Bearer {token}"}
    clients = [
        await websockets.connect(
            f"{url}?topics=stock&{one}", additional_headers=headers, compression=None, max_queue=None
        )
        for one in filters
    ]

    async def follow(client: websockets.ClientConnection) -> None:
        async for message in client:
            for event in orjson.loads(message).get("events", ()):
                if event["type"] == CHANGED:
                    book.note(event["time"])

    following = [asyncio.create_task(follow(client)) for client in clients]
    ready.set_result(len(clients))
    await asyncio.gather(*following)
    raise RuntimeError("the edge closed a WebSocket")


async def webhook_receiver(book: _Book, ready: asyncio.Future[int]) -> None:
    """Replies to every POST with 200 and records the time that the event carries."""
    server = await asyncio.get_running_loop().create_server(lambda: _Receiver(book), "127.0.0.1", 0)
    ready.set_result(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def channel_subscribers(book: _Book, ready: asyncio.Future[int], url: str, number: int) -> None:
    """`number` subscribers of one channel: the ceiling."""
    client = redis.asyncio.Redis.from_url(url)

    async def follow() -> None:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(CHANNEL)
            async for message in pubsub.listen():
                if message["type"] == "subscribe":
                    subscribed.release()
                else:
                    book.note(message["data"].decode())

    subscribed = asyncio.Semaphore(0)
    following = [asyncio.create_task(follow()) for _ in range(number)]
    for _ in following:
        await subscribed.acquire()
    ready.set_result(number)
    await asyncio.gather(*following)


class _Receiver(asyncio.Protocol):
    """The minimum of HTTP that a client needs: the bench measures the sender, not the receiver."""

    def __init__(self, book: _Book) -> None:
        self._book = book
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._data += data
        while True:
            head, mark, rest = self._data.partition(END_OF_HEAD)
            if not mark:
                return
            length = int(head.lower().partition(CONTENT_LENGTH)[2].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return
            self._data = rest[length:]
            self._transport.write(OK)
            told = orjson.loads(rest[:length])
            if told["type"] == CHANGED:
                self._book.note(told["timestamp"])
