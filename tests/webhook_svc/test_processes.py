"""Several processes of the service on one database, some of which die: no delivery is lost, and leases are fences."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from chassis.db import Database
from tests.webhook_svc.bench import Bench, Clock, bench, event
from tests.webhook_svc.receiver import Received, Receiver
from webhook_svc.app.dispatch import LEASE
from webhook_svc.domain.delivery import State

DIE = "a process that was killed records nothing and gives nothing back"


async def killed(work: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acts like kill -9: its deliveries stay under their leases, and the process never reports again."""
    dispatch = work.parts.dispatch

    async def nothing(_tried: object) -> None:
        """Does nothing."""

    monkeypatch.setattr(dispatch, "_record", nothing)
    for task in list(dispatch._tasks):
        task.cancel()
    await work.settled()


async def test_what_a_killed_process_was_sending_is_sent_by_another_when_its_lease_ends(
    db: Database, clock: Clock, receiver: Receiver, hang: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answer = hang  # type: ignore[assignment]
    async with bench(db, clock) as first, bench(db, clock) as second:
        endpoint, _ = await first.endpoint(receiver.url(), max_in_flight=8)
        told = [event(f"k{number}") for number in range(20)]
        await first.happens(*told)
        await receiver.has(8)
        await killed(first, monkeypatch)
        receiver.answer = lambda _got: web.Response()
        receiver.got.clear()
        await second.round(seconds=LEASE.total_seconds() - 1)
        assert receiver.got == [], DIE
        await second.round(seconds=1)
        assert {one.event_id for one in receiver.got} == {one.id for one in told}
        assert {delivery.state for delivery in await second.log(endpoint)} == {State.SUCCEEDED}


async def test_a_process_that_ends_gives_back_what_it_has_not_sent_at_once(
    db: Database, clock: Clock, receiver: Receiver, hang: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook_svc.app.dispatch.FINISH_S", 0.05)
    receiver.answer = hang  # type: ignore[assignment]
    told = [event(f"k{number}") for number in range(20)]
    async with bench(db, clock) as second:
        async with bench(db, clock) as first:
            await first.endpoint(receiver.url())
            await first.happens(*told)
            await receiver.has(4)
        receiver.answer = lambda _got: web.Response()
        receiver.got.clear()
        await second.round()
        assert {one.event_id for one in receiver.got} == {one.id for one in told}


async def test_a_process_that_wakes_after_its_lease_changes_nothing_any_more(
    db: Database, clock: Clock, receiver: Receiver
) -> None:
    wakes, arrived = asyncio.Event(), asyncio.Event()

    async def answer(_got: Received) -> web.Response:
        if arrived.is_set():
            return web.Response(status=200)
        arrived.set()
        await wakes.wait()
        return web.Response(status=500)

    receiver.answer = answer
    async with bench(db, clock) as paused, bench(db, clock) as other:
        endpoint, _ = await paused.endpoint(receiver.url())
        await paused.happens(event())
        await arrived.wait()
        await other.round(seconds=LEASE.total_seconds())
        [delivery] = await other.log(endpoint)
        assert delivery.state is State.SUCCEEDED
        wakes.set()
        await paused.settled()
        [after] = await other.log(endpoint)
        assert after == delivery, "its failure is recorded as an attempt, and changes nothing else"
        assert len(await other.parts.deliveries.attempts(endpoint.endpoint_id, delivery.delivery_id)) == 2


async def test_several_processes_share_a_backlog_without_sending_anything_twice(
    db: Database, clock: Clock, receiver: Receiver
) -> None:
    async with AsyncExitStack() as open_:
        processes = [await open_.enter_async_context(bench(db, clock)) for _ in range(3)]
        endpoint, _ = await processes[0].endpoint(receiver.url())
        told = [event(f"k{number}") for number in range(300)]
        await processes[0].happens(*told)
        await asyncio.gather(*(process.round() for process in processes))
        assert Counter(one.event_id for one in receiver.got) == Counter(one.id for one in told)
        states = Counter(delivery.state for delivery in await processes[0].log(endpoint))
        assert states == {State.SUCCEEDED: 300}


async def test_an_endpoint_made_in_one_process_counts_for_the_next_event_in_another(
    db: Database, clock: Clock, receiver: Receiver
) -> None:
    async with bench(db, clock) as one, bench(db, clock) as other:
        await one.endpoint(receiver.url())
        await other.happens(event())
        await other.settled()
        assert len(receiver.got) == 1


async def test_an_event_that_comes_again_makes_no_second_delivery(work: Bench, receiver: Receiver) -> None:
    endpoint, _ = await work.endpoint(receiver.url())
    told = event()
    for _ in range(3):
        await work.happens(told, told)
        await work.round()
    assert len(receiver.got) == len(await work.log(endpoint)) == 1


async def test_what_was_taken_in_but_not_recorded_while_postgres_was_away_is_recorded_later(
    work: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chassis import errors
    from webhook_svc.app import recording
    from webhook_svc.store import deliveries

    monkeypatch.setattr(recording, "AGAIN_S", 0.0)
    written, failures = deliveries.record, iter(range(3))

    async def record(*arguments: object) -> int:
        if next(failures, None) is not None:
            raise errors.unavailable("JOURNAL_UNREACHABLE", "Postgres does not answer")
        return await written(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(deliveries, "record", record)
    endpoint, _ = await work.endpoint(receiver.url())
    await work.happens(event())
    await work.settled()
    [delivery] = await work.log(endpoint)
    assert (len(receiver.got), delivery.state) == (1, State.SUCCEEDED)
