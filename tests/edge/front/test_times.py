"""No client may keep a connection by sending nothing, only a part, or by not reading; the whole request has its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edge import metrics
from edge.front.limits import Limits
from gen.order.v1.order_service_pb2 import ListOrdersResponse
from tests.edge.far_side import FarSide
from tests.edge.front.raw import AUTHORIZED, Raw, opened
from tests.edge.front.test_sizes import HEALTH, LOCATIONS, ORDERS, WEBHOOK
from tests.edge.push.served import Served, serving

QUICK = Limits(
    first_byte_s=30, head_s=0.1, body_s=0.1, idle_s=30, unproven_idle_s=0.1, unread_s=0.2, linger_s=0.1, sweep_s=0.05
)
"""Limits of a tenth of a second for the cases under test."""


@pytest.fixture
async def quick(far_side: FarSide) -> AsyncIterator[Served]:
    async with serving(far_side, QUICK) as running:
        yield running


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"GE", "head"),
        (b"GET /healthz HTTP/1.1\r\nHost: ed", "head"),
        (WEBHOOK + b"Content-Length: 10\r\n\r\n", "body"),
        (WEBHOOK + b"Content-Length: 10\r\n\r\n{", "body"),
        (ORDERS + b"Content-Length: 10\r\n\r\n{", "body"),
        (WEBHOOK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", "body"),
    ],
)
async def test_half_a_request_is_refused_when_its_time_is_over(quick: Served, raw: bytes, part: str) -> None:
    async with opened(quick.url) as connection:
        await connection.say(raw)
        answer = await connection.answer()
        assert (answer.status, answer.problem["reason"]) == (408, "REQUEST_TOO_SLOW")
        assert part in answer.problem["detail"]
        assert await connection.closed() == b""
    await none_in_flight(quick)


async def test_a_connection_that_says_nothing_is_closed(far_side: FarSide) -> None:
    limits = Limits(first_byte_s=0.1, sweep_s=0.05)
    async with serving(far_side, limits) as served, opened(served.url) as silent, opened(served.url) as blank:
        await blank.say(b"\r\n\r\n")
        assert await silent.closed() == b""
        assert await blank.closed() == b""


async def test_idle_connections_are_closed_sooner_when_they_have_shown_nothing(quick: Served) -> None:
    async with opened(quick.url) as stranger, opened(quick.url) as known:
        await known.say(LOCATIONS + b"\r\n")
        assert (await known.answer()).status == 200
        await stranger.say(HEALTH + b"\r\n")
        assert (await stranger.answer()).status == 200
        assert await stranger.closed() == b""
        await known.say(HEALTH + b"\r\n")
        assert (await known.answer()).status == 200


async def test_a_body_that_comes_at_the_least_rate_may_take_longer(far_side: FarSide) -> None:
    limits = Limits(body_s=0.1, least_bytes_per_s=100, sweep_s=0.05)
    async with serving(far_side, limits) as served, opened(served.url) as connection:
        await connection.say(WEBHOOK + b"Content-Length: 3000\r\n\r\n" + b"x" * 2_990)
        for _ in range(10):
            await asyncio.wait_for(asyncio.shield(swept(served)), 10)
            await connection.say(b"x")
        assert (await connection.answer()).problem["reason"] == "SIGNATURE_INVALID"


async def test_the_callers_deadline_covers_its_body(served: Served) -> None:
    async with opened(served.url) as connection:
        await connection.say(ORDERS + b"X-Request-Timeout-Ms: 50\r\nContent-Length: 10\r\n\r\n{")
        answer = await connection.answer()
        assert (answer.status, answer.problem["reason"]) == (408, "REQUEST_TOO_SLOW")
        assert "deadline" in answer.problem["detail"]
        await connection.closed()
    await none_in_flight(served)


async def test_a_client_that_does_not_read_its_answer_is_cut_off(quick: Served, far_side: FarSide) -> None:
    far_side.answers("ListOrders", ListOrdersResponse(next_page_token="x" * 3_000_000))
    asking = b"GET /v1/orders HTTP/1.1\r\nHost: edge\r\n" + AUTHORIZED + b"\r\n"
    async with opened(quick.url) as deaf:
        pause_reading(deaf)
        await deaf.say(asking * 8)
        async with asyncio.timeout(20):
            while quick.seats.of_kind("token"):
                await swept(quick)
    await none_in_flight(quick)


async def test_half_a_body_ends_with_its_client(served: Served, far_side: FarSide) -> None:
    async with opened(served.url) as connection:
        await connection.say(ORDERS + b"Content-Length: 10\r\n\r\n{")
        async with asyncio.timeout(10):
            while not served.seats.of_kind("token"):
                await asyncio.sleep(0)
    await none_in_flight(served)
    assert not far_side.calls


def pause_reading(connection: Raw) -> None:
    """From now on incoming data stays in the kernel's buffers, which are soon full."""
    transport: Any = connection.writer.transport
    transport.pause_reading()


async def swept(served: Served) -> None:
    """Returns after one more check of all connections."""
    before = served.seats.now
    async with asyncio.timeout(10):
        while served.seats.now == before:
            await asyncio.sleep(0)


async def none_in_flight(served: Served) -> None:
    """Returns when every connection is closed and none is counted any more."""
    async with asyncio.timeout(10):
        while served.seats.open or metrics.IN_FLIGHT.value or served.seats.bodies.held_bytes:
            await asyncio.sleep(0)
