"""The demo's HTTP client and its retries, against a small scripted server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.demo.bank import Bank
from tests.demo.http_client import Pool
from tests.demo.shop import Shop

CREATED = b'HTTP/1.1 201 Created\r\ncontent-length: 18\r\nIdempotency-Replayed: true\r\n\r\n{"order_id":"o-1"}'
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{"a":1\r\n1\r\n}\r\n0\r\n\r\n'
LAST = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
HANG_UP = b""


class Scripted:
    """Replies to each request with the next scripted answer; HANG_UP closes the connection instead."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers, self.requests, self.connections = answers, list[bytes](), 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(_length(head)))
                answer = self.answers.pop(0)
                writer.write(answer)
                if answer in (HANG_UP, LAST):
                    break
        except asyncio.IncompleteReadError:
            pass
        writer.close()


def _length(head: bytes) -> int:
    return int(head.split(b"content-length: ")[1].split(b"\r\n")[0])


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[tuple[Scripted, Pool]]:
    script = Scripted(list(answers))
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    pool = Pool(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", size=2)
    try:
        yield script, pool
    finally:
        await pool.close()
        server.close()


async def test_a_connection_is_used_again() -> None:
    async with serving(CREATED, CHUNKED) as (script, pool):
        first = await pool.send("POST", "/a", {}, b"{}", 5)
        second = await pool.send("GET", "/b", {}, b"", 5)
    assert (first.status, first.body) == (201, b'{"order_id":"o-1"}')
    assert (second.status, second.body) == (200, b'{"a":1}')
    assert script.connections == 1


async def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    async with serving(LAST, CREATED) as (script, pool):
        await pool.send("GET", "/a", {}, b"", 5)
        assert (await pool.send("GET", "/b", {}, b"", 5)).status == 201
    assert script.connections == 2


async def test_a_lost_answer_is_a_connection_error() -> None:
    async with serving(HANG_UP) as (_, pool):
        with pytest.raises(ConnectionError):
            await pool.send("POST", "/a", {}, b"{}", 5)


async def test_a_shop_client_repeats_the_same_request_under_the_same_key() -> None:
    async with serving(BUSY, HANG_UP, CREATED) as (script, pool):
        reply = await Shop(pool, "t").post("/v1/orders", {"lines": []}, "key-1")
    assert (reply.status, reply.body["order_id"], reply.replayed, reply.retries) == (201, "o-1", True, 2)
    assert len(set(script.requests)) == 1
    assert b"idempotency-key: key-1" in script.requests[0]


def test_the_bank_signs_as_standard_webhooks_has_it() -> None:
    bank = Bank(Shop(Pool("http://127.0.0.1:1", 1), "t"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = bank.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
