"""Oversized or invalid HTTP is refused with a problem as soon as it is detected, and the connection ends."""

from __future__ import annotations

import asyncio

import pytest

from edge.front import metrics
from edge.front.limits import Limits
from tests.edge.far_side import FarSide
from tests.edge.front.raw import AUTHORIZED, asked, opened
from tests.edge.push.served import Served, serving

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: edge\r\n"
LOCATIONS = b"GET /v1/locations HTTP/1.1\r\nHost: edge\r\n" + AUTHORIZED
WEBHOOK = b"POST /v1/webhooks/sandbox HTTP/1.1\r\nHost: edge\r\n"
ORDERS = b"POST /v1/orders HTTP/1.1\r\nHost: edge\r\n" + AUTHORIZED
LINE = 16 * 1024
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("raw", "status", "reason"),
    [
        (b"hello\r\n\r\n", 400, "HTTP_INVALID"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "HTTP_INVALID"),
        (HEALTH + b"Host: other\r\n\r\n", 400, "HTTP_INVALID"),
        (HEALTH + b"Bad Name: 1\r\n\r\n", 400, "HTTP_INVALID"),
        (HEALTH + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "HTTP_INVALID"),
        (ORDERS + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "HTTP_INVALID"),
        (b"GET /" + b"a" * LINE + b" HTTP/1.1\r\nHost: edge\r\n\r\n", 414, "TARGET_TOO_LONG"),
        (HEALTH + b"X: " + b"a" * LINE + b"\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
        (HEALTH + b"X: a\r\n" * 100 + b"\r\n", 431, "HEADERS_TOO_LARGE"),
        (HEALTH + b"X: " + b"a" * 200_000, 431, "HEADERS_TOO_LARGE"),
        (HEALTH + (b"X: " + b"a" * 15_000 + b"\r\n") * 5 + b"\r\n", 431, "HEADERS_TOO_LARGE"),
        (WEBHOOK + b"Content-Length: 65537\r\n\r\n", 413, "BODY_TOO_LARGE"),
        (ORDERS + b"Content-Length: 1048577\r\n\r\n", 413, "BODY_TOO_LARGE"),
        (ORDERS + b"Transfer-Encoding: chunked\r\n\r\n200000\r\n" + b" " * 2 * MIB, 413, "BODY_TOO_LARGE"),
        (ORDERS + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * MIB, 413, "BODY_TOO_LARGE"),
    ],
)
async def test_what_is_wrong_or_too_large_is_refused_with_a_problem(
    served: Served, raw: bytes, status: int, reason: str
) -> None:
    refused = metrics.REFUSED.of(reason.lower())
    before = refused.value
    answer = await asked(served.url, raw)
    assert (answer.status, answer.problem["reason"]) == (status, reason)
    assert refused.value == before + (b"webhooks" not in raw), "a webhook's own limit is the route's"
    assert answer.headers["x-request-id"] == answer.problem["request_id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_problem_of_a_refused_head_has_the_callers_request_id(served: Served) -> None:
    answer = await asked(served.url, HEALTH + b"X-Request-Id: mine-1\r\nContent-Length: 9999999\r\n\r\n")
    assert (answer.status, answer.problem["request_id"], answer.headers["connection"]) == (413, "mine-1", "close")


async def test_as_much_as_is_allowed_passes(served: Served) -> None:
    large = LOCATIONS + b"X: a\r\n" * 90 + (b"Y: " + b"a" * 15_000 + b"\r\n") * 3 + b"\r\n"
    assert (await asked(served.url, large)).status == 200
    target = b"GET /healthz?" + b"a" * (LINE - 20) + b" HTTP/1.1\r\nHost: edge\r\n\r\n"
    assert (await asked(served.url, target)).status == 200
    body = ORDERS + b"Content-Length: 1048576\r\n\r\n" + b" " * MIB
    assert (await asked(served.url, body)).problem["reason"] == "JSON_INVALID"
    assert (await asked(served.url, b"GET /healthz HTTP/1.0\r\n\r\n")).status == 200


async def test_a_head_in_many_small_pieces_is_measured_as_a_whole(served: Served) -> None:
    async with opened(served.url) as raw:
        await raw.say(HEALTH)
        for _ in range(70):
            await raw.say(b"X: " + b"a" * 1_000 + b"\r\n")
            await asyncio.sleep(0)
        answer = await raw.answer()
    assert (answer.status, answer.problem["reason"]) == (431, "HEADERS_TOO_LARGE")


async def test_requests_in_one_packet_are_answered_in_turn_and_only_a_few_may_wait(far_side: FarSide) -> None:
    async with serving(far_side, Limits(pipelined=4)) as served:
        async with opened(served.url) as raw:
            await raw.say((LOCATIONS + b"\r\n") * 5)
            assert [(await raw.answer()).status for _ in range(5)] == [200] * 5
            await raw.say((LOCATIONS + b"\r\n") * 2_000)
            assert (await raw.closed()).count(b" 200 OK") <= 5
        assert (await asked(served.url, HEALTH + b"\r\n")).status == 200


async def test_a_body_that_nobody_reads_does_not_spoil_the_next_request(served: Served) -> None:
    async with opened(served.url) as raw:
        await raw.say(b"POST /v1/orders HTTP/1.1\r\nHost: edge\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
        assert (await raw.answer()).status == 401
        await raw.say(LOCATIONS + b"\r\n")
        assert (await raw.answer()).status == 200


async def test_a_wish_for_another_protocol_is_answered_and_ends_the_connection(served: Served) -> None:
    answer = await asked(served.url, HEALTH + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert (answer.status, answer.headers["connection"]) == (200, "close")


async def test_a_websocket_where_none_is_gets_a_problem(served: Served) -> None:
    shake = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    shake += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    answer = await asked(served.url, b"GET /ws/nothing HTTP/1.1\r\nHost: edge\r\n" + AUTHORIZED + shake + b"\r\n")
    assert (answer.status, answer.problem["reason"]) == (404, "ROUTE_NOT_FOUND")


async def test_a_line_break_at_the_end_of_a_path_is_another_path(served: Served) -> None:
    for path in (b"/v1/orders%0a", b"/v1/locations%0A", b"/healthz%0a"):
        answer = await asked(served.url, b"GET " + path + b" HTTP/1.1\r\nHost: edge\r\n" + AUTHORIZED + b"\r\n")
        assert (answer.status, answer.problem["reason"]) == (404, "ROUTE_NOT_FOUND")
