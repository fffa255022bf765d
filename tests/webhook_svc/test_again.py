"""Deliveries that are sent again on request: tests, single ones, time spans; and the effect of secrets and changes on them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web

from chassis import ids
from chassis.errors import ServiceError
from chassis.requests import Request
from tests.webhook_svc.bench import Bench, event, expected
from tests.webhook_svc.receiver import Receiver, says
from webhook_svc.domain.delivery import Cause, State
from webhook_svc.domain.endpoint import Endpoint
from webhook_svc.domain.errors import DeliveryNotFound, EndpointDisabled, EndpointNotFound, VersionStale


def asked(method: str) -> Request:
    return Request(ids.new_id("test"), method, "")


async def changed(work: Bench, endpoint: Endpoint, enabled: bool | None = None, etag: str = "", **changes: Any) -> None:
    request = asked("UpdateWebhookEndpoint")
    await work.parts.endpoints.update(request, endpoint.endpoint_id, changes, enabled, etag, lambda _: b"")


async def rotated(work: Bench, endpoint: Endpoint) -> str:
    request = asked("RotateWebhookSecret")
    _, _, secret = await work.parts.endpoints.rotate(request, endpoint.endpoint_id, lambda _endpoint, _ends: b"")
    return secret


async def replayed(work: Bench, endpoint: Endpoint, hours: float, token: str = "") -> tuple[int, str]:
    span = (work.clock.at - timedelta(hours=hours), work.clock.at + timedelta(hours=1))
    kept: list[tuple[int, str]] = []

    def answer(created: int, more: str) -> bytes:
        kept.append((created, more))
        return b""

    request = asked("ReplayWebhookEvents")
    await work.parts.deliveries.replay(request, endpoint.endpoint_id, span, token, answer)
    return kept[0]


async def test_a_rotated_secret_signs_along_for_24_hours_and_then_no_more(work: Bench, receiver: Receiver) -> None:
    endpoint, old = await work.endpoint(receiver.url())
    new = await rotated(work, endpoint)
    first, second, third = event("A"), event("B"), event("C")
    await work.happens(first)
    await work.settled()
    work.clock.move(hours=23.99)
    await work.happens(second)
    await work.settled()
    work.clock.move(hours=0.02)
    await work.happens(third)
    await work.settled()
    signatures = [one.headers["webhook-signature"] for one in receiver.got]
    assert [len(one.split(" ")) for one in signatures] == [2, 2, 1]
    assert signatures[2] == expected([new], endpoint, third, receiver.got[2].body, work.clock.at)
    at = work.clock.at - timedelta(hours=24.01)
    assert signatures[0] == expected([new, old], endpoint, first, receiver.got[0].body, at)


async def test_who_rotates_again_and_again_has_four_secrets_at_most(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    secrets = [await rotated(work, endpoint) for _ in range(6)]
    told = event()
    await work.happens(told)
    await work.settled()
    newest_first = secrets[::-1][:4]
    [got] = receiver.got
    assert got.headers["webhook-signature"] == expected(newest_first, endpoint, told, got.body, work.clock.at)


async def test_a_test_is_delivered_by_the_same_machinery(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url(), "order.*")
    other, _ = await work.endpoint(receiver.url("/other"), "*")
    receiver.answer = says(500)
    await work.parts.deliveries.test(asked("TestWebhookEndpoint"), endpoint.endpoint_id, lambda _: b"")
    await work.round()
    receiver.answer = says(200)
    await work.round(seconds=10)
    [first, second] = receiver.got
    body = orjson.loads(first.body)
    assert (body["type"], body["data"]) == ("webhook.ping", {"endpoint_id": endpoint.endpoint_id})
    assert first.webhook_id == second.webhook_id
    [delivery] = await work.log(endpoint)
    assert (delivery.cause, delivery.state, delivery.attempts) == (Cause.TEST, State.SUCCEEDED, 2)
    assert await work.log(other) == []


async def test_a_delivery_is_resent_under_its_id_whatever_became_of_it(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    await work.happens(event())
    await work.settled()
    [delivery] = await work.log(endpoint)
    resent = await work.parts.deliveries.resend(endpoint.endpoint_id, delivery.delivery_id)
    assert resent.state is State.PENDING
    await work.round()
    assert len({one.webhook_id for one in receiver.got}) == 1
    assert len(receiver.got) == 2
    [after] = await work.log(endpoint)
    assert (after.state, after.attempts) == (State.SUCCEEDED, 2)
    with pytest.raises(DeliveryNotFound):
        await work.parts.deliveries.resend(endpoint.endpoint_id, delivery.delivery_id + 1_000)


async def test_a_resend_while_it_is_being_sent_sends_nothing_twice(
    work: Bench, receiver: Receiver, hang: object
) -> None:
    receiver.answer = hang  # type: ignore[assignment]
    endpoint, _ = await work.endpoint(receiver.url())
    await work.happens(event())
    await receiver.has(1)
    [delivery] = await work.log(endpoint)
    await work.parts.deliveries.resend(endpoint.endpoint_id, delivery.delivery_id)
    await work.parts.claim.run_once()
    assert len(receiver.got) == 1


async def test_a_replay_sends_what_matches_now_once_more_under_the_same_ids(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url("/one"), "inventory.*", keys=("A", "B"))
    await work.endpoint(receiver.url("/all"), "*")
    told = [event(key) for key in ("A", "B", "C", "A")]
    await work.happens(*told)
    await work.parts.deliveries.test(asked("TestWebhookEndpoint"), endpoint.endpoint_id, lambda _: b"")
    await work.round()
    before = {one.event_id: one.webhook_id for one in receiver.at("/one")}
    receiver.got.clear()
    assert await replayed(work, endpoint, hours=1) == (3, "")
    await work.round()
    assert all(one.webhook_id == before[one.event_id] for one in receiver.got)
    assert sorted(one.event_id for one in receiver.got) == sorted(one.id for one in told if one.key != "C")
    causes = [delivery.cause for delivery in await work.log(endpoint)]
    assert causes.count(Cause.REPLAY) == 3


async def test_a_long_replay_goes_on_with_its_token(
    work: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook_svc.app.deliveries.MOST_REPLAYED", 3)
    endpoint, _ = await work.endpoint(receiver.url())
    told = [event(f"k{number}") for number in range(7)]
    await work.happens(*told)
    await work.round()
    receiver.got.clear()
    created, token = await replayed(work, endpoint, hours=1)
    made = [created]
    while token:
        created, token = await replayed(work, endpoint, hours=1, token=token)
        made.append(created)
    assert made == [3, 3, 1]
    await work.round()
    assert sorted(one.event_id for one in receiver.got) == sorted(one.id for one in told)
    with pytest.raises(ServiceError, match="PAGE_TOKEN_INVALID"):
        await replayed(work, endpoint, hours=1, token="nonsense")


async def test_what_happens_while_an_endpoint_is_disabled_can_be_replayed_afterwards(
    work: Bench, receiver: Receiver
) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    await changed(work, endpoint, enabled=False)
    told = event()
    await work.happens(told)
    await work.round()
    assert (receiver.got, await work.log(endpoint)) == ([], [])
    for refused in (
        work.parts.deliveries.test(asked("TestWebhookEndpoint"), endpoint.endpoint_id, lambda _: b""),
        replayed(work, endpoint, hours=1),
        work.parts.deliveries.resend(endpoint.endpoint_id, 1),
    ):
        with pytest.raises(EndpointDisabled, match="BY_CALLER"):
            await refused
    await changed(work, endpoint, enabled=True)
    assert await replayed(work, endpoint, hours=1) == (1, "")
    await work.round()
    assert [one.event_id for one in receiver.got] == [told.id]


async def test_who_is_enabled_again_hears_of_what_waited_at_once(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    receiver.answer = lambda _got: web.Response(status=500)
    await work.happens(event("A"), event("B"))
    await work.round(minutes=10)
    await changed(work, endpoint, enabled=False)
    receiver.answer = lambda _got: web.Response(status=200)
    tried = len(receiver.got)
    await work.round(hours=50)
    assert len(receiver.got) == tried
    await changed(work, endpoint, enabled=True)
    await work.round()
    assert {delivery.state for delivery in await work.log(endpoint)} == {State.SUCCEEDED}


async def test_a_changed_url_counts_for_the_next_attempt(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url("/wrong"))
    receiver.answer = lambda got: web.Response(status=404 if got.path == "/wrong" else 200)
    await work.happens(event())
    await work.settled()
    with pytest.raises(VersionStale):
        await changed(work, endpoint, etag="17", url=receiver.url("/right"))
    await changed(work, endpoint, etag="1", url=receiver.url("/right"))
    await work.round(seconds=6)
    assert [one.path for one in receiver.got] == ["/wrong", "/right"]


async def test_a_deleted_endpoint_is_told_nothing_and_its_log_is_forgotten(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url("/deleted"))
    other, _ = await work.endpoint(receiver.url("/other"))
    receiver.answer = lambda _got: web.Response(status=500)
    await work.happens(event())
    await work.round()
    await work.parts.endpoints.delete(asked("DeleteWebhookEndpoint"), endpoint.endpoint_id, bytes)
    await work.happens(event())
    await work.round(minutes=6)
    assert len(receiver.at("/deleted")) == 1
    with pytest.raises(EndpointNotFound):
        await work.now(endpoint)
    assert await work.parts.forget.run_once() == 2, "its delivery, then its row"
    assert len(await work.log(other)) == 2
    assert await work.parts.forget.run_once() == 0


async def test_a_delivery_whose_event_was_forgotten_is_given_up_without_blame(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    await work.happens(event())
    await work.round(days=29)
    await replayed(work, endpoint, hours=24 * 30)
    await changed(work, endpoint, enabled=False)
    work.clock.move(days=2)
    assert await work.parts.forget.run_once() == 3, "delivery, attempt and message; the replayed delivery is young"
    await changed(work, endpoint, enabled=True)
    await work.round()
    [late] = await work.log(endpoint)
    assert (late.state, late.last_error) == (State.FAILED, "the event is no longer kept")
    assert len(receiver.got) == 1
    assert (await work.now(endpoint)).health.failing_since is None


async def test_after_thirty_days_all_of_it_is_forgotten_and_nothing_earlier(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    await work.happens(event("A"), event("B"))
    await work.round(days=29)
    assert await work.parts.forget.run_once() == 0
    work.clock.move(days=2)
    assert await work.parts.forget.run_once() == 6, "two deliveries, attempts and messages"
    assert await work.log(endpoint) == []
