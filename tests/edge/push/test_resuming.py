"""A client with a token gets all later events, once and in order, wherever they are stored."""

from __future__ import annotations

import asyncio

import pytest

from edge.push import catch_up, resume_token
from edge.push.filters import Filter
from edge.push.hub import Hub
from edge.push.pushed import Pushed
from edge.push.resume_token import TokenInvalid
from edge.push.subscriber import MOST_WAITING, TOO_SLOW
from tests.edge.push.world import TYPES, Client, MemoryLog, hub_of, named, pass_on, stock


@pytest.mark.parametrize("kept", [5, 1_000])
@pytest.mark.parametrize("seen", [0, 1, 17, 39, 40])
async def test_from_any_token_everything_after_it_comes_once_from_log_or_ring(seen: int, kept: int) -> None:
    with hub_of(stock(1), ring_events=kept) as (hub, log):
        await pass_on(hub)
        log.add(*(stock(position) for position in range(2, 41)))
        await pass_on(hub)
        client = Client(hub, token=resume_token.encode({"inventory": seen}))
        await client.arrive()
        log.add(stock(41))
        await pass_on(hub)
        await client.until(41)
    assert client.positions == list(range(seen + 1, 42))


async def test_each_token_on_the_way_resumes_exactly_behind_its_event_at_another_hub() -> None:
    events = [stock(position) for position in range(1, 31)]
    with hub_of(*events[:10], ring_events=8) as (hub, log):
        await pass_on(hub)
        log.add(*events[10:])
        await pass_on(hub)
        first = Client(hub, token=resume_token.encode({"inventory": 3}))
        await first.arrive()
        await first.until(30)
    for place, token in zip(first.positions, first.tokens, strict=True):
        with hub_of(*events, ring_events=8) as (other, _):
            await pass_on(other)
            second = Client(other, token=token)
            await second.arrive()
            assert [pushed.event.position for pushed in await _all(second)] == list(range(place + 1, 31))


async def test_tokens_tell_of_each_source_what_was_really_sent() -> None:
    """More orders than stock events were seen: an interim token must not move the client back, nor too far ahead."""
    stocks, orders = MemoryLog([stock(1)]), MemoryLog([named("order.order.placed", "order", "o", 1)])
    hub = Hub(None, {"inventory": stocks, "order": orders}, TYPES)
    await pass_on(hub)
    for position in range(2, 6):
        stocks.add(stock(position))
        orders.add(named("order.order.placed", "order", "o", position))
        await pass_on(hub)
    client = Client(hub, token=resume_token.encode({"inventory": 2, "order": 5}))
    await client.arrive()
    await client.until(5)
    assert client.positions == [3, 4, 5]
    assert [resume_token.decode(token) for token in client.tokens] == [
        {"inventory": position, "order": 5} for position in (3, 4, 5)
    ]


async def test_a_client_that_is_ahead_of_this_process_sees_nothing_twice() -> None:
    with hub_of(stock(1)) as (hub, log):
        await pass_on(hub)
        log.add(*(stock(position) for position in range(2, 6)))
        client = Client(hub, token=resume_token.encode({"inventory": 4}))
        await client.arrive()
        await pass_on(hub)
        await client.until(5)
    assert client.positions == [5]
    assert client.controls == []


async def test_who_comes_after_the_log_was_cut_is_told_to_read_anew_and_then_goes_on() -> None:
    with hub_of(*(stock(position) for position in range(1, 11))) as (hub, log):
        log.oldest = 8
        await pass_on(hub)
        client = Client(hub, token=resume_token.encode({"inventory": 3}))
        await client.arrive()
        log.add(stock(11))
        await pass_on(hub)
        await client.until(11)
    (reset,) = client.controls
    assert (reset.word, reset.body["reason"], reset.body["source"]) == ("reset", "EVENTS_FORGOTTEN", "inventory")
    assert resume_token.decode(reset.body["token"]) == {"inventory": 10}
    assert client.positions == [11]


async def test_a_token_of_a_log_that_a_backup_has_replaced_is_told_so() -> None:
    with hub_of(stock(1)) as (hub, _):
        await pass_on(hub)
        client = Client(hub, token=resume_token.encode({"inventory": 1_000}))
        await client.arrive()
        await client.once()
    assert client.controls[0].body["reason"] == "EVENTS_FORGOTTEN"


async def test_a_log_that_is_silent_for_a_while_only_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "PAUSE_S", 0.001)
    with hub_of(*(stock(position) for position in range(1, 6)), ring_events=1) as (hub, log):
        await pass_on(hub)
        log.down = True
        client = Client(hub, token=resume_token.encode({"inventory": 2}))
        arriving = asyncio.create_task(client.arrive())
        while log.asked < 4:
            await asyncio.sleep(0)
        log.down = False
        await arriving
        await client.until(5)
    assert client.positions == [3, 4, 5]


async def test_a_log_that_stays_silent_sends_the_client_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "PAUSE_S", 0.001)
    with hub_of(stock(1), ring_events=1) as (hub, log):
        await pass_on(hub)
        log.down = True
        client = Client(hub, token=resume_token.encode({"inventory": 0}))
        await client.arrive()
    assert client.subscriber.ended.result().code == 1013


async def test_catching_up_waits_for_a_slow_client_and_never_closes_it() -> None:
    count = 3 * MOST_WAITING
    with hub_of(*(stock(position) for position in range(1, count + 1)), ring_events=10) as (hub, _):
        await pass_on(hub)
        client = Client(hub, token=resume_token.encode({"inventory": 0}))
        arriving = asyncio.create_task(client.arrive())
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(client.subscriber) <= MOST_WAITING
        await client.until(count)
        await arriving
    assert client.positions == list(range(1, count + 1))


async def test_a_live_client_that_does_not_read_is_ended_and_can_resume_from_its_last_token() -> None:
    with hub_of(stock(1)) as (hub, log):
        await pass_on(hub)
        slow = Client(hub)
        await slow.arrive()
        log.add(stock(2))
        await pass_on(hub)
        await slow.once()
        log.add(*(stock(position) for position in range(3, MOST_WAITING + 10)))
        await pass_on(hub)
        assert slow.subscriber.ended.result() is TOO_SLOW
        hub.leave(slow.subscriber)
        back = Client(hub, token=slow.tokens[-1])
        arriving = asyncio.create_task(back.arrive())
        await back.until(MOST_WAITING + 9)
        await arriving
    assert back.positions == list(range(3, MOST_WAITING + 10))


async def test_a_resumed_filter_gets_only_what_it_takes_and_its_token_moves_past_the_rest() -> None:
    mixed = [stock(position, sku="A" if position % 3 else "B") for position in range(1, 31)]
    with hub_of(*mixed, ring_events=6) as (hub, _):
        await pass_on(hub)
        client = Client(hub, Filter(skus=frozenset("B")), resume_token.encode({"inventory": 4}))
        await client.arrive()
        events = await _all(client)
    assert [pushed.event.position for pushed in events] == list(range(6, 31, 3))


@pytest.mark.parametrize(
    "token", ["x", "", "e30", "bnVsbA", "W10", "eyJ2IjoyLCJwIjp7fX0", "eyJ2IjoxLCJwIjp7ImEiOi0xfX0", "é", "A" * 1_001]
)
def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    with pytest.raises(TokenInvalid):
        resume_token.decode(token)


async def _all(client: Client) -> list[Pushed]:
    """The events that wait for a client that has arrived, without waiting for more."""
    while len(client.subscriber):
        await client.once()
    return list(client.events)
