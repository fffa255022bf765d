"""The only case in which one attempt may POST twice: a reused connection closed before the first byte of an answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from webhook_svc.clients.receiver import Receiver, SendFailed

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Le"
BODY = b'{"event": 1}'


class Scripted:
    """A receiver that answers each request with the next bytes of its script, and closes where the script says so.

    `posts` has one entry per completely received request: the number of its connection.
    """

    def __init__(self, *script: tuple[bytes, bool]) -> None:
        self._script = list(script)
        self._connections = 0
        self.posts: list[int] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        self._connections += 1
        number = self._connections
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(BODY))
                self.posts.append(number)
                answer, closes = self._script.pop(0)
                writer.write(answer)
                await writer.drain()
                if closes:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def listening(scripted: Scripted) -> AsyncIterator[str]:
    server = await asyncio.start_server(scripted.take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


async def outcomes(scripted: Scripted, sends: int) -> Sequence[str]:
    """The outcomes of these sends, one after another."""
    found: list[str] = []
    sender = Receiver(allow_private=True, timeout_s=5.0)
    async with listening(scripted) as url:
        for _ in range(sends):
            try:
                found.append(str((await sender.post(url, BODY, {})).status))
            except SendFailed as error:
                found.append(str(error))
        await sender.close()
    return found


async def test_a_receiver_that_dies_after_the_work_gets_one_post_per_attempt() -> None:
    dies = Scripted((b"", True), (OK, False))
    assert await outcomes(dies, 1) == ["no response: ServerDisconnectedError"]
    assert dies.posts == [1]


async def test_a_reused_connection_that_was_closed_is_replaced_by_a_new_one() -> None:
    idle = Scripted((OK, False), (b"", True), (OK, False))
    assert await outcomes(idle, 2) == ["200", "200"]
    assert idle.posts == [1, 1, 2]


async def test_a_new_connection_that_closes_too_is_the_end_of_the_attempt() -> None:
    dying = Scripted((OK, False), (b"", True), (b"", True), (OK, False))
    assert await outcomes(dying, 2) == ["200", "no response: ServerDisconnectedError"]
    assert dying.posts == [1, 1, 2]


@pytest.mark.parametrize("begun", [BEGUN, b"HTTP/1.1 2", b"H"])
async def test_an_answer_that_has_begun_is_never_asked_for_again(begun: bytes) -> None:
    half = Scripted((OK, False), (begun, True), (OK, False))
    first, second = await outcomes(half, 2)
    assert first == "200"
    assert second.startswith("no response: ")
    assert half.posts == [1, 1]
