"""Live push while the edge is killed: no event is missing, none is repeated, while stock keeps changing."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests import stack as stacks
from tests.e2e.pushing import Changes, changing, kill_edge
from tests.edge.push.live import WITHIN_S, Listener, listening
from tests.edge.push.shop import Shop
from tests.stack import Stack

BEFORE = 40
"""Events to see before and after the edge ends."""


@pytest.fixture(scope="module")
def mortal() -> Iterator[Stack]:
    """A product whose edge may be killed."""
    with stacks.running() as running:
        yield running


@pytest.fixture
async def shop(mortal: Stack) -> AsyncIterator[Shop]:
    shop = Shop(mortal)
    await shop.open()
    yield shop
    await shop.close()


def last_versions(listener: Listener) -> dict[str, int]:
    levels = [event["data"]["level"] for event in listener.events if event["type"] == "inventory.stock_level.changed"]
    return {level["sku"]: level["version"] for level in levels}


def complete(listener: Listener, changes: Changes) -> bool:
    return all(last_versions(listener).get(sku, 0) >= version for sku, version in changes.versions.items())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_client_resumes_at_the_next_edge_without_gap_or_repeat(
    mortal: Stack, shop: Shop, number: signal.Signals
) -> None:
    token = mortal.run["token"]
    async with changing(mortal, shop) as changes:
        async with listening(mortal.edge, token) as listener:
            await listener.until(lambda: len(listener.events) >= BEFORE, "events before the end")
            ending = asyncio.create_task(kill_edge(mortal, number))
            with pytest.raises(ConnectionClosed) as end:
                while True:
                    await listener.message()
            await ending
        async with listening(mortal.edge, token, after=listener.token) as back:
            await back.until(lambda: len(back.events) >= BEFORE, "events after it")
            changes.stop()
            await back.until(lambda: complete(back, changes), "the last change")
    seen = listener.positions() + back.positions()
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    ids = [event["id"] for event in listener.events + back.events]
    assert len(set(ids)) == len(ids)
    if number is signal.SIGTERM:
        assert end.value.rcvd is not None
        assert (end.value.rcvd.code, end.value.rcvd.reason) == (1012, "restart")


async def test_a_snapshot_and_what_follows_it_tell_each_level_once_and_in_order(mortal: Stack, shop: Shop) -> None:
    async with changing(mortal, shop) as changes:
        skus = ",".join(await _known(changes))
        async with listening(mortal.edge, mortal.run["token"], skus=skus) as listener:
            snapshot = await listener.word("snapshot")
            await listener.until(lambda: len(listener.events) >= BEFORE, "changes after it")
            changes.stop()
            await listener.until(lambda: complete(listener, changes), "the last change")
    for level in snapshot["levels"]:
        levels = [event["data"]["level"] for event in listener.events]
        versions = [found["version"] for found in levels if found["sku"] == level["sku"]]
        assert versions == list(range(level["version"] + 1, level["version"] + 1 + len(versions)))


async def _known(changes: Changes) -> list[str]:
    async with asyncio.timeout(WITHIN_S):
        while len(changes.versions) < 4:
            await asyncio.sleep(0)
    return list(changes.versions)


async def test_an_event_stream_resumes_at_the_next_edge_by_its_last_id(mortal: Stack, shop: Shop) -> None:
    positions: list[int] = []
    last_id = ""
    async with changing(mortal, shop) as changes:
        for turn in range(2):
            headers = {**mortal.headers, **({"Last-Event-ID": last_id} if last_id else {})}
            try:
                async with httpx.AsyncClient(base_url=mortal.edge, headers=headers, timeout=WITHIN_S) as client:
                    async with client.stream("GET", "/v1/inventory/stream?topics=stock&types=inventory.*") as answer:
                        came = 0
                        async for line in answer.aiter_lines():
                            if line.startswith("id: "):
                                last_id = line.removeprefix("id: ")
                            if line.startswith('data: {"specversion"'):
                                positions.append(int(line.partition('"sequence":')[2].partition(",")[0]))
                                came += 1
                            if came == BEFORE:
                                break
            finally:
                if turn == 0:
                    await kill_edge(mortal)
        changes.stop()
    assert len(positions) == 2 * BEFORE
    assert positions == sorted(set(positions))
    gaps = [late - early for early, late in itertools.pairwise(positions)]
    assert set(gaps) == {1}, "nothing else happens in this product than changes of stock"
