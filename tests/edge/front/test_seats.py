"""Anonymous clients have few places and lose the oldest; callers with a token, and probes, are always admitted."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest

from edge import middleware
from edge.front.limits import Limits
from edge.front.seats import CONNECTION, Kind, Seats
from edge.problems import Problem
from tests.edge.conftest import TOKEN
from tests.edge.far_side import FarSide
from tests.edge.front.raw import Raw, asked, opened
from tests.edge.front.test_sizes import HEALTH, LOCATIONS, ORDERS, WEBHOOK
from tests.edge.push.live import listening
from tests.edge.push.served import Served, serving

FEW = Limits(unproven=20, unproven_per_address=20, silent_s=0.0, trim_s=0.01)
HALF_BODY = WEBHOOK + b"Content-Length: 1000\r\n\r\n{"
HALF_HEAD = b"GET / HTTP/1.1\r\nHost: edge\r\nX: "
WITHIN_S = 20.0


@asynccontextmanager
async def attackers(served: Served, number: int, raw: bytes) -> AsyncIterator[list[Raw]]:
    """`number` connections that have sent these bytes and wait."""
    async with AsyncExitStack() as stack:
        all_ = []
        for _ in range(number):
            all_.append(await stack.enter_async_context(opened(served.url)))
            await all_[-1].say(raw)
        yield all_


async def trimmed(served: Served, most: int) -> None:
    """Returns when at most this many anonymous connections are left."""
    async with asyncio.timeout(WITHIN_S):
        while served.seats.of_kind("unproven") > most:
            await asyncio.sleep(0)


@pytest.mark.parametrize("raw", [HALF_BODY, HALF_HEAD, b""], ids=["half a body", "half a head", "nothing"])
async def test_the_oldest_strangers_make_room_and_others_are_served(far_side: FarSide, raw: bytes) -> None:
    async with serving(far_side, FEW) as served, opened(served.url) as known:
        await known.say(LOCATIONS + b"\r\n")
        assert (await known.answer()).status == 200
        async with attackers(served, 60, raw) as all_:
            await trimmed(served, FEW.unproven)
            for one in all_[:40]:
                assert await one.closed() == b""
            assert (await asked(served.url, HEALTH + b"Connection: close\r\n\r\n")).status == 200
            assert (await asked(served.url, LOCATIONS + b"Connection: close\r\n\r\n")).status == 200
            await known.say(LOCATIONS + b"\r\n")
            assert (await known.answer()).status == 200


async def test_a_crowd_with_tokens_is_no_crowd_of_strangers(far_side: FarSide) -> None:
    async with serving(far_side, FEW) as served, attackers(served, 60, LOCATIONS + b"\r\n") as all_:
        for one in all_:
            assert (await one.answer()).status == 200
        assert (served.seats.of_kind("token"), served.seats.of_kind("unproven")) == (60, 0)


async def test_a_crowd_that_connects_faster_than_it_speaks_loses_nobody(far_side: FarSide) -> None:
    async with serving(far_side, replace(FEW, silent_s=WITHIN_S)) as served, attackers(served, 60, b"") as all_:
        for _ in range(3):
            served.seats.trim()
        for one in all_:
            await one.say(LOCATIONS + b"\r\n")
            assert (await one.answer()).status == 200


async def test_a_websocket_keeps_its_place_among_strangers_and_gives_it_back(far_side: FarSide) -> None:
    async with serving(far_side, FEW) as served:
        async with listening(served.url, TOKEN) as listener:
            assert served.seats.of_kind("token") == 1
            async with attackers(served, 60, HALF_HEAD):
                await trimmed(served, FEW.unproven)
                await listener.say({"ping": 1})
                assert (await listener.word("pong"))["ping"] == 1
        async with asyncio.timeout(WITHIN_S):
            while served.seats.open:
                await asyncio.sleep(0)


async def test_half_bodies_take_no_places_of_requests(far_side: FarSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "MOST_IN_FLIGHT", 3)
    async with (
        serving(far_side) as served,
        attackers(served, 30, HALF_BODY),
        attackers(served, 30, ORDERS + b"Content-Length: 10\r\n\r\n{"),
    ):
        async with asyncio.timeout(WITHIN_S):
            while served.seats.bodies.strangers < 30 or served.seats.of_kind("token") < 30:
                await asyncio.sleep(0)
        assert (await asked(served.url, LOCATIONS + b"Connection: close\r\n\r\n")).status == 200


async def test_probes_are_answered_when_all_places_of_requests_are_taken(
    far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "MOST_IN_FLIGHT", 0)
    async with serving(far_side) as served:
        assert (await asked(served.url, HEALTH + b"Connection: close\r\n\r\n")).status == 200
        refused = await asked(served.url, LOCATIONS + b"Connection: close\r\n\r\n")
        assert (refused.status, refused.problem["reason"]) == (503, "OVERLOADED")


@pytest.mark.parametrize("limits", [Limits(unproven_bodies=3), Limits(unproven_bodies_bytes=4_500)])
async def test_waiting_webhooks_have_a_budget_and_channels_another(far_side: FarSide, limits: Limits) -> None:
    waiting = WEBHOOK + b"Content-Length: 2000\r\n\r\n" + b"x" * 999
    async with serving(far_side, limits) as served, attackers(served, 3, waiting) as all_:
        async with asyncio.timeout(WITHIN_S):
            while served.seats.bodies.strangers_bytes < 3 * 999:
                await asyncio.sleep(0)
        async with opened(served.url) as fourth:
            await fourth.say(waiting + b"x" * 1_000)
            refused = await fourth.answer()
        assert (refused.status, refused.problem["reason"]) == (503, "OVERLOADED")
        async with opened(served.url) as channel:
            await channel.say(ORDERS + b"Content-Length: 4000\r\n\r\n" + b" " * 3_999)
            async with asyncio.timeout(WITHIN_S):
                while served.seats.bodies.held_bytes < 3 * 999 + 3_999:
                    await asyncio.sleep(0)
            await channel.say(b" ")
            assert (await channel.answer()).problem["reason"] == "JSON_INVALID"
        for one in all_:
            await one.say(b"x" * 1_001)
            assert (await one.answer()).problem["reason"] == "SIGNATURE_INVALID"
        assert served.seats.bodies.held_bytes == 0


async def test_all_bodies_together_have_a_budget(far_side: FarSide) -> None:
    body = ORDERS + b"Content-Length: 4000\r\n\r\n" + b" " * 3_999
    async with serving(far_side, Limits(bodies_bytes=10_000)) as served, attackers(served, 2, body):
        async with asyncio.timeout(WITHIN_S):
            while served.seats.bodies.held_bytes < 2 * 3_999:
                await asyncio.sleep(0)
        async with opened(served.url) as third:
            await third.say(body)
            assert (await third.answer()).problem["reason"] == "OVERLOADED"


async def test_a_kind_that_is_full_refuses_the_next(far_side: FarSide) -> None:
    async with serving(far_side, Limits(proven=1)) as served, opened(served.url) as first:
        await first.say(LOCATIONS + b"\r\n")
        assert (await first.answer()).status == 200
        refused = await asked(served.url, LOCATIONS + b"Connection: close\r\n\r\n")
        assert (refused.status, refused.problem["reason"]) == (503, "OVERLOADED")


async def test_a_trusted_proxy_has_no_limit_per_address_and_says_whom_it_speaks_for(far_side: FarSide) -> None:
    limits = Limits(unproven_per_address=2, trim_s=0.01)
    async with serving(far_side, limits, (ip_network("127.0.0.0/8"),)) as served, attackers(served, 9, HALF_HEAD):
        seen: list[object] = []
        forwarded = b"X-Forwarded-For: 10.0.0.1, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
        assert (await asked(served.url, HEALTH + b"Connection: close\r\n\r\n")).status == 200
        served.watch(lambda scope: seen.append((scope["client"][0], scope["scheme"], scope[CONNECTION].kind)))
        answer = await asked(served.url, HEALTH + forwarded + b"Connection: close\r\n\r\n")
        assert answer.headers["strict-transport-security"]
        assert seen == [("192.0.2.7", "https", "proxy")]
        assert served.seats.of_kind("unproven") == 0


class Held:
    """A connection that waits."""

    silent_since: float | None = None
    busy = False
    body_waits = False
    aborted = False

    def check(self, now: float) -> None:
        """Nothing."""

    def abort(self) -> None:
        """Records it."""
        self.aborted = True


@contextmanager
def taken(limits: Limits, addresses: list[str]) -> Iterator[tuple[Seats, list[Held]]]:
    """Seats with a connection from each of these addresses, which have been there for one trim."""
    seats, held = Seats(limits), [Held() for _ in addresses]
    seats._trimming = asyncio.get_running_loop().call_later(3_600, list)  # the test trims itself
    for connection, address in zip(held, addresses, strict=True):
        seats.enter(connection, address)
    seats.trim()
    assert not any(connection.aborted for connection in held), "newcomers have their time"
    yield seats, held
    seats._trimming.cancel()


async def test_an_address_with_too_many_loses_only_its_own() -> None:
    with taken(Limits(unproven=10, unproven_per_address=2), ["a", "b", "b", "b", "b", "c"]) as (seats, held):
        seats.trim()
    assert [connection.aborted for connection in held] == [False, True, True, False, False, False]


async def test_connections_that_were_served_or_are_busy_lose_their_places_last() -> None:
    with taken(Limits(unproven=3), ["a", "b", "c", "d", "e"]) as (seats, held):
        held[1].busy = True
        next(seat for seat in seats._all if seat.address == "a").served = True
        seats.trim()
    assert [connection.aborted for connection in held] == [False, False, True, True, False]


async def test_a_burst_beyond_all_measure_is_not_let_in() -> None:
    with taken(Limits(unproven=2, burst=3), ["a"] * 5) as (seats, _):
        assert seats.enter(Held(), "a") is None


@pytest.mark.parametrize("kind", ["token", "ticket"])
async def test_pages_do_not_take_the_places_of_channels(kind: Kind) -> None:
    with taken(Limits(proven=1, tickets=1), ["a", "b", "c"]) as (seats, _):
        first, second, third = sorted(seats._all, key=lambda seat: seat.address)
        first.prove(kind)
        with pytest.raises(Problem, match="OVERLOADED"):
            second.prove(kind)
        third.prove("ticket" if kind == "token" else "token")
        first.leave()
        first.leave()
        second.prove(kind)
        assert (seats.of_kind("token"), seats.of_kind("ticket"), seats.of_kind("unproven")) == (1, 1, 0)


def test_a_process_that_may_open_few_files_takes_fewer_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 1_024))
    few = Limits().within_open_files()
    assert few.unproven + few.proven + few.tickets + few.burst < 1_024
    assert (few.unproven, few.head_bytes) == (128, Limits().head_bytes)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (65_536, 65_536))
    assert Limits().within_open_files() == Limits()
