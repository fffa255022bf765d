"""The load generator's own client: against the server of every service, and against one that sends unusual frames."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from chassis import bounds_check
from chassis.errors import ServiceError
from chassis.server import Server, Servicer
from gen.inventory.v1 import reservation_pb2
from gen.inventory.v1 import reservation_service_pb2 as pb
from gen.inventory.v1 import reservation_service_pb2_grpc as pb_grpc
from tests.bench import far_server, frames
from tests.bench.alternatives import process
from tests.bench.channel import Channel
from tests.bench.http2 import Connection
from tests.bench.rows import RESERVE

TIMEOUT_S = 30
LARGE = 300_000
"""Many DATA frames in both directions, and more than a connection's first window."""


@pytest.fixture(autouse=True)
def unbounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the length limit of ids: these tests are about frames, and some requests have a longer id than allowed."""
    monkeypatch.setattr(bounds_check, "compiled", lambda _type: lambda _message: None)


class Answering:
    """Echoes the id; some ids ask for something else."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.waiting = asyncio.Semaphore(0)

    async def ReserveStock(self, request: pb.ReserveStockRequest, _rpc: Any) -> pb.ReserveStockResponse:  # noqa: N802 - gRPC's name
        if request.request_id == "sold-out":
            raise ServiceError(
                grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_STOCK", "sold out", {"sku": "A" * 200}
            )
        if request.request_id == "wait":
            self.waiting.release()
            await self.let_go.wait()
        answer = request.request_id * (LARGE if request.request_id == "x" else 1)
        return pb.ReserveStockResponse(reservation=reservation_pb2.Reservation(reservation_id=answer))


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[str, Answering, Server]]:
    async def ready() -> bool:
        return True

    answering = Answering()
    servicer = Servicer(pb, pb_grpc, "ReservationService", process.Whole(answering))
    server = Server("127.0.0.1:0", [servicer], {}, ready)
    await server.start()
    yield f"127.0.0.1:{server.port}", answering, server
    answering.let_go.set()
    await server.stop()


@asynccontextmanager
async def opened(
    address: str, judge: Callable[[bytes], str] | None = None, timeout_s: int = TIMEOUT_S, connections: int = 1
) -> AsyncIterator[Channel]:
    channel = Channel(address, RESERVE, timeout_s, judge, connections)
    await channel.open()
    yield channel
    channel.close()


def asked(channel: Channel, request_id: str) -> asyncio.Future[str]:
    """The outcome of one call; a second outcome would raise."""
    outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    line = pb.ReserveLine(sku="A", quantity=1)
    channel.start(pb.ReserveStockRequest(request_id=request_id, lines=[line]).SerializeToString(), outcome.set_result)
    return outcome


def its_id(answer: bytes) -> str:
    return pb.ReserveStockResponse.FromString(answer).reservation.reservation_id


async def test_a_thousand_calls_at_once_get_their_own_answers() -> None:
    async with serving() as (address, _, _), opened(address, its_id) as channel:
        outcomes = await asyncio.gather(*(asked(channel, f"id-{number}") for number in range(1_000)))
    assert outcomes == [f"id-{number}" for number in range(1_000)]


async def test_calls_are_dealt_out_to_all_connections() -> None:
    async with far_server.listening() as far, opened(far.address, connections=3) as channel:
        outcomes = [asked(channel, "any") for _ in range(6)]
        for _ in range(3):
            there = await far.connection()
            for stream in await there.until(2):
                there.answer(stream)
        assert await asyncio.gather(*outcomes) == ["OK"] * 6


async def test_a_large_answer_is_put_together_from_its_frames() -> None:
    async with serving() as (address, _, _), opened(address, its_id) as channel:
        outcomes = await asyncio.gather(*(asked(channel, "x") for _ in range(20)))
    assert outcomes == ["x" * LARGE] * 20


async def test_large_requests_wait_for_the_servers_window() -> None:
    async with serving() as (address, _, _), opened(address, its_id) as channel:
        outcomes = await asyncio.gather(*(asked(channel, f"{number}" * LARGE) for number in range(20)))
    assert outcomes == [f"{number}" * LARGE for number in range(20)]


async def test_an_error_in_the_trailers_is_the_outcome() -> None:
    async with serving() as (address, _, _), opened(address, its_id) as channel:
        assert await asyncio.gather(*(asked(channel, "sold-out") for _ in range(100))) == ["FAILED_PRECONDITION"] * 100
        assert await asked(channel, "next") == "next"


async def test_an_answer_that_cannot_be_judged_is_an_outcome_too() -> None:
    def judge(_answer: bytes) -> str:
        raise KeyError("state")

    async with serving() as (address, _, _), opened(address, judge) as channel:
        assert await asked(channel, "any") == "unreadable: KeyError('state')"


async def test_running_calls_end_while_a_server_drains_and_later_ones_fail() -> None:
    async with serving() as (address, answering, server), opened(address) as channel:
        running = [asked(channel, "wait") for _ in range(10)]
        for _ in running:
            await answering.waiting.acquire()
        stopping = asyncio.create_task(server.stop())
        while await asked(channel, "quick") == "OK":
            pass
        assert not any(one.done() for one in running)
        answering.let_go.set()
        assert await asyncio.gather(*running) == ["OK"] * 10
        await stopping


async def test_a_killed_server_fails_every_call() -> None:
    with process.running("echo", "", "") as echo:
        async with opened(echo.address) as channel:
            assert await asked(channel, "before") == "OK"
            os.kill(echo.pid, signal.SIGSTOP)
            running = [asked(channel, "during") for _ in range(100)]
            os.kill(echo.pid, signal.SIGKILL)
            assert await asyncio.gather(*running) == ["UNAVAILABLE"] * 100
            assert await asked(channel, "after") == "UNAVAILABLE"


async def test_nobody_there_is_an_error_at_once() -> None:
    async with far_server.listening() as far:
        pass
    with pytest.raises(ConnectionRefusedError):
        async with opened(far.address):
            pass


async def test_go_away_fails_what_the_server_did_not_take_and_the_next_call_connects_anew() -> None:
    async with far_server.listening() as far, opened(far.address) as channel:
        there = await far.connection()
        outcomes = [asked(channel, "any") for _ in range(3)]
        first, second, _third = await there.until(3)
        there.say(frames.frame(frames.GOAWAY, 0, 0, frames.number(second) + frames.number(frames.NO_ERROR)))
        assert await outcomes[2] == "UNAVAILABLE"
        later = asked(channel, "any")
        there.answer(first)
        there.answer(second)
        assert await asyncio.gather(*outcomes[:2]) == ["OK", "OK"]
        anew = await far.connection()
        anew.answer(*await anew.until(1))
        assert await later == "OK"


async def test_no_more_is_sent_than_the_connections_window_takes() -> None:
    async with far_server.listening() as far, opened(far.address) as channel:
        there = await far.connection()
        outcomes = [asked(channel, "x" * 30_000) for _ in range(3)]
        first, second = await there.until(2)
        there.answer(first)
        there.answer(second)
        await asyncio.gather(*outcomes[:2])
        assert len(there.requests) == 2
        there.say(frames.window_update(30_000))
        there.answer((await there.until(3))[2])
        assert await outcomes[2] == "OK"


async def test_a_reset_call_and_one_without_trailers_fail() -> None:
    async with far_server.listening() as far, opened(far.address) as channel:
        there = await far.connection()
        outcomes = [asked(channel, "any") for _ in range(2)]
        first, second = await there.until(2)
        there.say(frames.frame(frames.RST_STREAM, 0, first, frames.number(frames.REFUSED_STREAM)))
        there.say(frames.frame(frames.DATA, frames.END_STREAM, second))
        assert await asyncio.gather(*outcomes) == ["UNAVAILABLE", "INTERNAL: no trailers"]


async def test_frames_may_arrive_byte_by_byte() -> None:
    outcomes: list[str] = []
    connection = Connection("far", RESERVE, TIMEOUT_S, lambda answer: answer.decode())
    connection.start(b"any", outcomes.append)
    answer = frames.frame(frames.DATA, 0, 1, b"\0\0\0\0\2yes")
    for byte in answer + frames.frame(frames.HEADERS, frames.END_STREAM, 1, far_server.ENDED):
        connection.data_received(bytes([byte]))
    assert outcomes == ["yes"]


async def test_a_call_without_an_answer_ends_when_its_time_is_over() -> None:
    async with far_server.listening() as far, opened(far.address, timeout_s=1) as channel:
        there = await far.connection()
        assert await asked(channel, "any") == "DEADLINE_EXCEEDED"
        assert await there.until_reset() == await there.until(1)


async def test_what_is_not_understood_fails_the_connection_aloud() -> None:
    async with far_server.listening() as far, opened(far.address) as channel:
        there = await far.connection()
        outcome = asked(channel, "any")
        await there.until(1)
        there.say(frames.frame(frames.CONTINUATION, 0, 1))
        assert (await outcome).startswith("INTERNAL: ")


async def test_a_connection_out_of_stream_numbers_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.http2.LAST_STREAM", 5)
    async with serving() as (address, _, _), opened(address, its_id) as channel:
        outcomes = await asyncio.gather(*(asked(channel, f"id-{number}") for number in range(20)))
    assert outcomes == [f"id-{number}" for number in range(20)]
