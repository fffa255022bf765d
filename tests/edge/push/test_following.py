"""The hub on a real broker: order across partitions, gaps, an outage, and the end of connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from chassis import errors
from chassis.events import connection
from chassis.events.broker import Broker, Publisher
from edge.push import feed, hub, resume_token
from edge.push.feed import Feed
from edge.push.hub import Hub
from edge.push.services import Forgotten
from edge.push.subscriber import RESTART
from tests import databases, servers
from tests.edge.push.world import TYPES, WITHIN_S, Client, MemoryLog, hub_of, known, pass_on, stock


@asynccontextmanager
async def following(url: str, log: MemoryLog) -> AsyncIterator[tuple[Hub, Broker]]:
    """A hub that follows the broker at this URL, and a second connection to publish with."""
    running = Hub(connection.connect(url), {"inventory": log}, TYPES)
    other = connection.connect(url)
    running.start()
    try:
        await known(running)
        await connected(running)
        yield running, other
    finally:
        await running.close()
        await other.close()


async def connected(running: Hub) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not running.following:
            await asyncio.sleep(0)


@pytest.fixture
def url(valkey_url: str) -> str:
    return databases.named(valkey_url, "9")


async def publisher_of(other: Broker) -> Publisher:
    publisher = await other.publisher("inventory")
    await publisher.newest_position()
    return publisher


async def test_events_of_all_partitions_come_in_the_order_of_their_positions(url: str) -> None:
    log = MemoryLog()
    async with following(url, log) as (running, other):
        client = Client(running)
        await client.arrive()
        publisher = await publisher_of(other)
        events = [stock(position, sku=f"S-{position % 13}") for position in range(1, 601)]
        log.add(*events)
        for first in range(0, 600, 50):
            await publisher.publish(events[first : first + 50])
        await client.until(600)
    assert client.positions == list(range(1, 601))


async def test_what_the_broker_lost_comes_from_the_log(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "CHECK_S", 3_600.0)
    log = MemoryLog([stock(position) for position in range(1, 1_001)])
    async with following(url, log) as (running, other):
        client = Client(running)
        await client.arrive()
        publisher = await publisher_of(other)
        log.add(*(stock(position) for position in range(1_001, 1_006)))
        await publisher.publish([stock(1_001), stock(1_002), stock(1_005)])
        await client.until(1_005)
    assert client.positions == [1_001, 1_002, 1_003, 1_004, 1_005]


async def test_push_goes_on_while_the_broker_is_down_and_repeats_nothing_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "MOST_BACKOFF_S", 0.2)
    with servers.running_valkey() as valkey:
        log = MemoryLog([stock(1)])
        async with following(valkey.url, log) as (running, other):
            client = Client(running)
            await client.arrive()
            await asyncio.to_thread(valkey.kill)
            log.add(stock(2), stock(3))
            await client.until(3)
            await asyncio.to_thread(valkey.start)
            await connected(running)
            publisher = await publisher_of(other)
            log.add(stock(4))
            await publisher.publish([stock(2), stock(3), stock(4)])
            await client.until(4)
    assert client.positions == [2, 3, 4]


async def test_a_service_that_is_down_when_the_process_begins_is_waited_for(url: str) -> None:
    log = MemoryLog([stock(1)])
    log.down = True
    running = Hub(None, {"inventory": log}, TYPES)
    running.start()
    try:
        assert await running.unknown(["inventory"], 0.01) == ["inventory"]
        log.down = False
        await known(running)
        assert running.positions == {"inventory": 1}
    finally:
        await running.close()


async def test_when_the_log_has_forgotten_what_comes_next_everybody_is_sent_to_begin_anew() -> None:
    with hub_of(*(stock(position) for position in range(1, 6))) as (running, log):
        await pass_on(running)
        client = Client(running)
        await client.arrive()
        log.add(*(stock(position) for position in range(6, 21)))
        log.oldest = 15
        with pytest.raises(Forgotten) as gone:
            await running.feeds["inventory"].run_once()
        running.feeds["inventory"].jump(gone.value.oldest - 1)
        assert client.subscriber.ended.result() is RESTART
        await pass_on(running)
        assert running.positions == {"inventory": 20}
        back = Client(running, token=resume_token.encode({"inventory": 5}))
        await back.arrive()
        await back.once()
    assert back.controls[0].word == "reset"


async def test_a_log_that_was_emptied_is_followed_from_where_it_is_after_half_a_minute() -> None:
    now = [0.0]
    log, passed, jumps = MemoryLog([stock(1), stock(2)]), list[int](), list[int]()
    one = Feed(
        "inventory", log, lambda event: passed.append(event.position), lambda _, to: jumps.append(to), lambda: now[0]
    )
    await one.run_once()
    log.events, log.newest = {}, 0
    for now[0] in (1.0, 30.0, 32.0):
        await one.run_once()
    assert jumps == [2, 0]
    log.add(stock(1, id_="anew-1"))
    await one.run_once()
    assert passed == [1]


def test_a_log_that_does_not_answer_is_worth_a_warning_only_when_that_lasts() -> None:
    now = [0.0]
    one = Feed("inventory", MemoryLog([]), lambda _: None, lambda _, __: None, lambda: now[0])
    with capture_logs() as lines:
        for now[0] in (0.0, 5.0, 10.0, 15.0):
            one.failed(errors.unavailable("SERVICE_UNREACHABLE", "inventory does not answer"))
    assert [line["event"] for line in lines] == ["push.log_silent"]
