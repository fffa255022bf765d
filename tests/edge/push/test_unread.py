"""Clients that connect and never read: their sockets are closed, in every protocol, and their buffers are counted."""

from __future__ import annotations

import asyncio
import logging
import select
import socket
from collections.abc import Callable

import orjson
import pytest

from chassis.events.event import Event
from edge.push import metrics, protocol, sse
from gen.inventory.v1.events_pb2 import StockLevelChanged
from gen.inventory.v1.stock_pb2 import StockLevel
from tests.edge.conftest import TOKEN
from tests.edge.push.live import WITHIN_S
from tests.edge.push.served import Served
from tests.edge.push.world import stock

SOON_S = 0.1
"""Replaces the seconds that a client has to read its close."""
BIG = 60_000
"""Bytes of one event: the sockets' buffers are soon full, then the client's queue."""
GET = "GET {path} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {token}\r\n"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGVzdHRlc3R0ZXN0dGVzdA==\r\n"
)


def big(position: int) -> Event:
    level = StockLevel(sku="A", location="l" * BIG, version=position)
    return stock(position)._replace(data=StockLevelChanged(level=level, cause="RECEIVE").SerializeToString())


class Deaf:
    """A socket that sends its request and then reads nothing."""

    def __init__(self, served: Served) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, _, port = served.url.removeprefix("http://").partition(":")
        self.socket.connect((host, int(port)))

    def say(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    async def is_cut_off(self) -> bool:
        """Returns when the other side has reset the connection, which is the only sign without reading."""
        poll = select.poll()
        poll.register(self.socket, select.POLLERR | select.POLLHUP)
        found = await asyncio.to_thread(poll.poll, WITHIN_S * 1_000)
        return bool(found)


def event_stream(deaf: Deaf) -> None:
    deaf.say(GET.format(path="/v1/inventory/stream", token=TOKEN) + "\r\n")


def websocket(deaf: Deaf) -> None:
    deaf.say(GET.format(path="/ws/inventory", token=TOKEN) + UPGRADE + "\r\n")


def graphql(deaf: Deaf) -> None:
    protocols = "Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
    deaf.say(GET.format(path="/graphql", token=TOKEN) + UPGRADE + protocols + "\r\n")
    deaf.socket.recv(4096)
    deaf.say(_masked({"type": "connection_init"}))
    query = "subscription {stockChanged {token level {location}}}"
    deaf.say(_masked({"id": "1", "type": "subscribe", "payload": {"query": query}}))


def _masked(message: object) -> bytes:
    """A client's text frame, with a mask of zeros."""
    body = orjson.dumps(message)
    return bytes((0x81, 0x80 | len(body))) + bytes(4) + body


PROTOCOLS = [event_stream, websocket, graphql]


@pytest.mark.parametrize("opens", PROTOCOLS)
async def test_who_never_reads_is_cut_off_at_the_socket_when_too_much_waits(
    served: Served,
    opens: Callable[[Deaf], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    deaf = await _entered(served, opens, monkeypatch)
    held = await _too_much(served)
    assert held > BIG
    assert await deaf.is_cut_off()
    await _nothing_held(served)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("opens", PROTOCOLS)
async def test_who_never_reads_is_cut_off_after_some_heartbeats_when_little_waits(
    served: Served,
    opens: Callable[[Deaf], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    deaf = await _entered(served, opens, monkeypatch)
    position = 0
    while metrics.WAITING_BYTES.now() < 2 * BIG:  # the socket is full
        position += 1
        await served.happens(big(position))
        await asyncio.sleep(0)
    slow_before = metrics.SLOW.value
    for _ in range(3):
        served.hub.beat()
    async with asyncio.timeout(WITHIN_S):
        while metrics.SLOW.value == slow_before:
            await asyncio.sleep(0)
    assert await deaf.is_cut_off()
    await _nothing_held(served)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def _entered(served: Served, opens: Callable[[Deaf], None], monkeypatch: pytest.MonkeyPatch) -> Deaf:
    monkeypatch.setattr(sse, "PART_WITHIN_S", SOON_S)
    monkeypatch.setattr(protocol, "LINGER_S", SOON_S)
    deaf = Deaf(served)
    await asyncio.to_thread(opens, deaf)
    async with asyncio.timeout(WITHIN_S):
        while served.hub.clients == 0:
            await asyncio.sleep(0)
    return deaf


async def _too_much(served: Served) -> float:
    """Sends until the client is dropped; returns the most bytes that were held for it."""
    slow_before, position, most = metrics.SLOW.value, 0, 0.0
    async with asyncio.timeout(60):
        while metrics.SLOW.value == slow_before:
            position += 1
            await served.happens(big(position))
            most = max(most, min(metrics.WAITING_BYTES.now(), metrics.SOCKET_BYTES.now()))
            await asyncio.sleep(0)
    return most


async def _nothing_held(served: Served) -> None:
    async with asyncio.timeout(WITHIN_S):
        while served.hub.places.taken or served.hub.connections.taken:
            await asyncio.sleep(0)
    assert (metrics.WAITING_BYTES.now(), metrics.SOCKET_BYTES.now()) == (0, 0)
