"""Receivers that are unavailable, slow or dead: no delivery is lost, order is kept on request, and no other receiver waits."""

from __future__ import annotations

import random

import orjson
import pytest
from aiohttp import web

from chassis.db import Database
from tests.webhook_svc.bench import Bench, Clock, bench, event
from tests.webhook_svc.receiver import Received, Receiver, says
from webhook_svc.domain.delivery import State

PENDING = "SELECT count(*) FROM deliveries WHERE state = 'PENDING'"


def positions(received: list[Received], key: str) -> list[int]:
    """Positions of the events of one key, in the order in which they were first accepted."""
    bodies = [orjson.loads(one.body) for one in received]
    return list(dict.fromkeys(body["sequence"] for body in bodies if body["key"] == key))


async def test_a_receiver_that_was_down_for_an_hour_hears_of_everything(work: Bench, receiver: Receiver) -> None:
    await work.endpoint(receiver.url())
    receiver.answer = says(503)
    told = []
    for _ in range(60):
        batch = [event(key) for key in ("A", "B", "C")]
        told += batch
        await work.happens(*batch)
        await work.round(minutes=1)
    receiver.answer = says(200)
    receiver.got.clear()
    for _ in range(12):
        await work.round(minutes=10)
    assert {one.event_id for one in receiver.got} == {one.id for one in told}
    async with work.parts.database.connection() as connection:
        row = await (await connection.execute(PENDING)).fetchone()
    assert row == (0,), "every delivery has had its 2xx"


async def test_an_ordered_endpoint_hears_of_each_key_in_order_though_it_fails_again_and_again(
    work: Bench, receiver: Receiver
) -> None:
    luck, taken = random.Random(7), list[Received]()

    def answer(got: Received) -> web.Response:
        if luck.random() < 0.4:
            return web.Response(status=500)
        taken.append(got)
        return web.Response()

    receiver.answer = answer
    await work.endpoint(receiver.url(), ordered=True)
    told = [event(f"k{number % 4}") for number in range(40)]
    for first in range(0, 40, 10):
        await work.happens(*told[first : first + 10])
        await work.round(seconds=3)
    for _ in range(40):
        await work.round(hours=1)
    for key in ("k0", "k1", "k2", "k3"):
        assert positions(taken, key) == [one.position for one in told if one.key == key]


async def test_of_an_ordered_endpoint_one_key_that_waits_holds_up_no_other(work: Bench, receiver: Receiver) -> None:
    receiver.answer = lambda got: web.Response(status=500 if b'"key":"bad"' in got.body else 200)
    endpoint, _ = await work.endpoint(receiver.url(), ordered=True)
    await work.happens(event("bad"), event("bad"), event("good"), event("good"))
    await work.round()
    states = [(delivery.key, delivery.state, delivery.attempts) for delivery in await work.log(endpoint)]
    bad, waits, *good = states
    assert (bad, waits) == (("bad", State.PENDING, 1), ("bad", State.PENDING, 0))
    assert good == [("good", State.SUCCEEDED, 1)] * 2


async def test_an_outage_within_the_schedule_keeps_order_on_an_ordered_endpoint(
    work: Bench, receiver: Receiver
) -> None:
    await work.endpoint(receiver.url(), ordered=True)
    receiver.answer = says(500)
    told = []
    for _ in range(12):
        told.append(event("A"))
        await work.happens(told[-1])
        await work.round(minutes=5)
    assert len({one.event_id for one in receiver.got}) == 1, "the later ones wait behind the first"
    receiver.answer = says(200)
    receiver.got.clear()
    for _ in range(4):
        await work.round(hours=1)
    assert positions(receiver.got, "A") == [one.position for one in told]


async def test_a_hundred_hanging_endpoints_of_a_thousand_delay_none_of_the_other_nine_hundred(
    work: Bench, receiver: Receiver, hang: object
) -> None:
    for number in range(1_000):
        hanging = number % 10 == 0
        await work.endpoint(receiver.url(f"/hangs/{number}" if hanging else f"/works/{number}"), max_in_flight=32)
    receiver.answer = lambda got: hang(got) if got.path.startswith("/hangs") else web.Response()  # type: ignore[operator]
    for _ in range(3):
        await work.happens(event(f"k{_}"))
    working = 0
    for _ in range(20):  # deliveries without a free slot are claimed, as the job does
        await receiver.has_at("/works", min(working + 900, 2_700))
        working = len(receiver.under("/works"))
        if working == 2_700:
            break
        await work.parts.claim.run_once()
    assert working == 2_700, "three events for each of the nine hundred, while three hundred requests hang"
    assert len(receiver.under("/hangs")) == 300


async def test_who_does_not_answer_is_asked_by_one_request_at_a_time(
    db: Database, clock: Clock, receiver: Receiver, hang: object
) -> None:
    receiver.answer = hang  # type: ignore[assignment]
    async with bench(db, clock, timeout_s=0.2) as work:
        await work.endpoint(receiver.url())
        await work.happens(*(event(f"k{number}") for number in range(30)))
        await work.settled()
        assert len(receiver.got) == 5, "four slots, then the one of a failing endpoint; the others were given back"
        await work.parts.claim.run_once()
        await work.settled()
        assert len(receiver.got) == 6


async def test_the_process_never_has_more_requests_under_way_than_it_allows(work: Bench, receiver: Receiver) -> None:
    under_way, most = 0, 0

    async def answer(got: Received) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await receiver.turn()
        under_way -= 1
        return web.Response(status=500 if got.path == "/fails" else 200)

    receiver.answer = answer
    work.parts.dispatch._most_open = 5
    await work.endpoint(receiver.url("/fails"))
    for number in range(20):
        await work.endpoint(receiver.url(f"/{number}"), max_in_flight=32)
    await work.happens(*(event(f"k{number}") for number in range(10)))
    await work.round()
    assert most <= 5
    assert len([one for one in receiver.got if one.path != "/fails"]) == 200
    assert work.parts.dispatch.holds() == 0


async def test_a_mistake_of_ours_is_a_failure_like_any_other(
    work: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, _ = await work.endpoint(receiver.url())

    def wrong(*_: object) -> str:
        raise KeyError("a mistake")

    monkeypatch.setattr("webhook_svc.domain.signing.webhook_id", wrong)
    await work.happens(event())
    await work.settled()
    [delivery] = await work.log(endpoint)
    assert (delivery.state, delivery.last_error) == (State.PENDING, "internal error")
    monkeypatch.undo()
    await work.round(seconds=6)
    assert len(receiver.got) == 1


async def test_an_endpoint_never_has_more_requests_under_way_than_it_allows(work: Bench, receiver: Receiver) -> None:
    under_way, most = 0, 0

    async def answer(_got: Received) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await receiver.turn()
        under_way -= 1
        return web.Response()

    receiver.answer = answer
    endpoint, _ = await work.endpoint(receiver.url(), max_in_flight=3)
    await work.happens(*(event(f"k{number}") for number in range(200)))
    await work.round()
    assert (len(receiver.got), most) == (200, 3)
    assert {delivery.state for delivery in await work.log(endpoint)} == {State.SUCCEEDED}
