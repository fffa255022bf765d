"""The effect of each answer of a receiver on a delivery and on its endpoint."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from aiohttp import web

from chassis.db import Database
from tests.webhook_svc.bench import Bench, Clock, bench, event
from tests.webhook_svc.receiver import Received, Receiver, says
from webhook_svc.domain.delivery import State
from webhook_svc.domain.endpoint import DisabledReason

OUTBOX = "SELECT type, key, payload FROM outbox ORDER BY id"


async def outbox(work: Bench) -> list[tuple[str, str, dict[str, object]]]:
    async with work.parts.database.connection() as connection:
        return [(row[0], row[1], row[2]) for row in await (await connection.execute(OUTBOX)).fetchall()]


async def test_a_failure_is_tried_again_when_its_pause_is_over_under_the_same_id(
    work: Bench, receiver: Receiver
) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    receiver.answer = says(500)
    await work.happens(event())
    await work.round(seconds=4)
    assert len(receiver.got) == 1, "five seconds, at most a tenth less"
    receiver.answer = says(204)
    await work.round(seconds=2)
    first, second = receiver.got
    assert first.webhook_id == second.webhook_id
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 6
    [delivery] = await work.log(endpoint)
    assert (delivery.state, delivery.attempts, delivery.last_status) == (State.SUCCEEDED, 2, 204)
    attempts = await work.parts.deliveries.attempts(endpoint.endpoint_id, delivery.delivery_id)
    assert [(one.status, one.error) for one in attempts] == [(204, ""), (500, "the receiver returned 500")]
    assert (await work.now(endpoint)).health.failing_since is None


async def test_a_delivery_is_given_up_after_ten_tries(db: Database, clock: Clock, receiver: Receiver) -> None:
    receiver.answer = says(500)
    async with bench(db, clock, given_up_after=timedelta(days=30)) as work:
        endpoint, _ = await work.endpoint(receiver.url())
        await work.happens(event())
        for hours in (0.01, 0.1, 1, 3, 6, 12, 16, 23, 23):
            await work.round(hours=hours)
        [delivery] = await work.log(endpoint)
        assert (len(receiver.got), delivery.state, delivery.attempts) == (10, State.FAILED, 10)
        await work.round(hours=48)
    assert len(receiver.got) == 10


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(work: Bench, receiver: Receiver, status: int) -> None:
    endpoint, _ = await work.endpoint(receiver.url("/old"))
    receiver.answer = says(status, Location=receiver.url("/new"))
    await work.happens(event())
    await work.settled()
    assert [one.path for one in receiver.got] == ["/old"]
    [delivery] = await work.log(endpoint)
    assert (delivery.state, delivery.last_status) == (State.PENDING, status)


async def test_410_disables_the_endpoint_at_once_and_tells_it(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url("/gone"))
    await work.endpoint(receiver.url("/watching"), "webhook.endpoint.*")
    receiver.answer = lambda got: web.Response(status=410 if got.path == "/gone" else 200)
    await work.happens(event())
    await work.settled()
    found = await work.now(endpoint)
    assert (found.health.enabled, found.health.reason) == (False, DisabledReason.GONE)
    [delivery] = await work.log(endpoint)
    assert delivery.state is State.FAILED
    [(type_, key, payload)] = await outbox(work)
    assert (type_, key) == ("webhook.endpoint.disabled", endpoint.endpoint_id)
    # The relay publishes it to the broker, from which the consumer gets it like any event.
    await work.happens(event(key, type_, payload), event())
    await work.round()
    [told] = receiver.at("/watching")
    shown = orjson.loads(told.body)["data"]["endpoint"]
    assert (shown["disabled_reason"], shown["url"]) == ("DISABLED_REASON_GONE", receiver.url("/gone"))
    assert "whsec_" not in told.body.decode()
    assert len(receiver.at("/gone")) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_slows_the_whole_endpoint_down(work: Bench, receiver: Receiver, status: int) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    receiver.answer = says(status, Retry_After="600")
    await work.happens(event("A"))
    await work.settled()
    receiver.answer = says(200)
    await work.happens(event("B"))
    await work.round(seconds=590)
    assert len(receiver.got) == 1, "neither the one that failed nor the new one"
    await work.round(seconds=20)
    await work.round(seconds=1)
    assert {delivery.state for delivery in await work.log(endpoint)} == {State.SUCCEEDED}


async def test_an_endpoint_that_only_failed_for_72_hours_is_disabled_and_says_why(
    work: Bench, receiver: Receiver
) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    receiver.answer = says(500)
    for _ in range(9):
        await work.happens(event())
        await work.round(hours=9)
    found = await work.now(endpoint)
    assert (found.health.enabled, found.health.reason) == (False, DisabledReason.FAILING)
    assert found.health.failing_since is not None
    assert found.health.disable_time is not None
    assert found.health.disable_time - found.health.failing_since >= timedelta(hours=72)
    [(type_, _, payload)] = await outbox(work)
    assert type_ == "webhook.endpoint.disabled"
    assert payload["endpoint"]["disabled_reason"] == "DISABLED_REASON_FAILING"  # type: ignore[index]
    tried = len(receiver.got)
    await work.happens(event())
    await work.round(hours=24)
    assert len(receiver.got) == tried, "nothing is sent any more"


async def test_a_success_in_between_begins_the_72_hours_anew(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    for number in range(14):
        receiver.answer = says(200 if number == 6 else 500)
        await work.happens(event())
        await work.round(hours=9)
    found = await work.now(endpoint)
    assert found.health.enabled
    assert found.health.failing_since is not None


async def test_an_answer_that_does_not_come_in_time_is_a_failure(
    db: Database, clock: Clock, receiver: Receiver, hang: object
) -> None:
    receiver.answer = hang  # type: ignore[assignment]
    async with bench(db, clock, timeout_s=0.2) as work:
        endpoint, _ = await work.endpoint(receiver.url())
        await work.happens(event())
        await work.settled()
        [delivery] = await work.log(endpoint)
    assert (delivery.state, delivery.last_status) == (State.PENDING, 0)
    assert delivery.last_error == "no response within 0.2 s"


async def test_nobody_listening_is_a_failure_that_says_so(work: Bench) -> None:
    endpoint, _ = await work.endpoint("http://127.0.0.1:1/")
    await work.happens(event())
    await work.settled()
    [delivery] = await work.log(endpoint)
    assert delivery.last_error == "cannot connect: ConnectionRefusedError"
    assert delivery.last_status == 0


async def test_of_a_large_answer_only_the_beginning_is_read_and_kept(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    receiver.answer = lambda _got: web.Response(status=500, body=b"no\x00!" + b"x" * 5_000_000)
    await work.happens(event())
    await work.settled()
    [delivery] = await work.log(endpoint)
    [attempt] = await work.parts.deliveries.attempts(endpoint.endpoint_id, delivery.delivery_id)
    assert attempt.answer.startswith("no!xxx")
    assert len(attempt.answer) <= 300


async def test_cookies_are_neither_kept_nor_sent(work: Bench, receiver: Receiver) -> None:
    await work.endpoint(receiver.url())

    def answer(_got: Received) -> web.Response:
        response = web.Response()
        response.set_cookie("who", "you")
        return response

    receiver.answer = answer
    await work.happens(event("A"))
    await work.settled()
    await work.happens(event("B"))
    await work.settled()
    assert ["cookie" in one.headers for one in receiver.got] == [False, False]


async def test_a_body_of_more_than_20_kb_is_replaced_by_a_reference(work: Bench, receiver: Receiver) -> None:
    await work.endpoint(receiver.url())
    told = event("BIG", payload={"level": {"sku": "x" * 30_000}})
    await work.happens(told)
    await work.settled()
    body = orjson.loads(receiver.got[0].body)
    assert (body["data"]["too_large"], body["data"]["event_id"], body["key"]) == (True, told.id, "BIG")
    assert len(receiver.got[0].body) < 1_000


async def test_an_event_that_cannot_be_read_is_told_without_its_data(work: Bench, receiver: Receiver) -> None:
    await work.endpoint(receiver.url())
    newer = event()._replace(type="inventory.pallet.moved", data=b"\xff\xff")
    await work.happens(newer)
    await work.settled()
    body = orjson.loads(receiver.got[0].body)
    assert (body["type"], body["data"]) == ("inventory.pallet.moved", {"unreadable": True, "event_id": newer.id})
