"""The proxy's toxics, against a server with known replies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.fault.proxy import FIRST_REPLIES, Proxy

SILENT_S = 0.1


@dataclass
class Echo:
    """Replies to each line with its name and the line."""

    name: str
    heard: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.heard.append(line.decode().strip())
            writer.write(f"{self.name} {line.decode()}".encode())
        writer.close()


@dataclass
class Client:
    """One connection to the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, word: str) -> str:
        """Returns the answer; empty if the connection ended instead."""
        self.writer.write(f"{word}\n".encode())
        try:
            return (await self.reader.readline()).decode().strip()
        except ConnectionError:
            return ""


@asynccontextmanager
async def echo(name: str) -> AsyncIterator[Echo]:
    served = Echo(name)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()


@pytest.fixture
async def first() -> AsyncIterator[Echo]:
    async with echo("first") as served:
        yield served


@pytest.fixture
async def proxy(first: Echo) -> AsyncIterator[Proxy]:
    proxy = Proxy(("127.0.0.1", first.port))
    await proxy.start()
    yield proxy
    await proxy.close()


async def client_of(proxy: Proxy) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", proxy.port))


async def test_without_toxics_everything_passes(proxy: Proxy) -> None:
    client = await client_of(proxy)
    assert [await client.ask(word) for word in ("a", "b")] == ["first a", "first b"]


async def test_a_cut_reply_ends_the_connection_after_the_request_was_done(proxy: Proxy, first: Echo) -> None:
    client = await client_of(proxy)
    for number in range(FIRST_REPLIES):
        await client.ask(str(number))
    proxy.cut_share = 1.0
    assert await client.ask("commit") == ""
    assert first.heard[-1] == "commit"
    assert proxy.cut == 1


async def test_silence_delays_and_loses_nothing(proxy: Proxy) -> None:
    client = await client_of(proxy)
    proxy.silence()
    answer = asyncio.create_task(client.ask("a"))
    done, _ = await asyncio.wait({answer}, timeout=SILENT_S)
    assert not done
    proxy.speak()
    assert await answer == "first a"


async def test_forgotten_connections_stay_silent_and_new_ones_work(proxy: Proxy) -> None:
    old = await client_of(proxy)
    await old.ask("a")
    proxy.forget()
    answer = asyncio.create_task(old.ask("b"))
    assert await (await client_of(proxy)).ask("c") == "first c"
    assert not answer.done()
    answer.cancel()


async def test_a_swing_ends_connections_and_leads_new_ones_elsewhere(proxy: Proxy) -> None:
    old = await client_of(proxy)
    await old.ask("a")
    async with echo("second") as second:
        proxy.swing(("127.0.0.1", second.port))
        assert await old.ask("b") == ""
        assert await (await client_of(proxy)).ask("c") == "second c"


async def test_a_client_that_is_kept_does_not_notice_another_upstream(proxy: Proxy) -> None:
    proxy.keeps = True
    client = await client_of(proxy)
    await client.ask("a")
    async with echo("second") as second:
        await ended_upstream(proxy, ("127.0.0.1", second.port))
        assert await client.ask("b") == "second b"


async def ended_upstream(proxy: Proxy, successor: tuple[str, int]) -> None:
    """The upstream's side of the only connection ends, and the proxy has connected to the successor."""
    proxy.upstream = successor
    (link,) = proxy._links
    before = link.upstream
    assert before is not None
    before.close()
    await until(lambda: link.upstream is not before)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)
