"""Server-sent events, as EventSource and curl receive them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from edge import metrics
from edge.push import resume_token
from tests.edge.conftest import TOKEN
from tests.edge.push.live import WITHIN_S
from tests.edge.push.served import Served
from tests.edge.push.world import named, stock

HEADERS = {"Authorization": f"Bearer {TOKEN}"}
PATH = "/v1/inventory/stream"


class Source:
    """An event stream as a browser reads it. `seen`: event name and data; `last_id`: the id that it would resume with."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.seen: list[tuple[str, Any]] = []
        self.last_id = ""
        self.retry_ms = 0
        self.comments: list[str] = []
        self._lines = answer.aiter_lines()

    async def block(self) -> None:
        """Reads up to the next blank line. StopAsyncIteration at the end."""
        name, data = "message", list[str]()
        async with asyncio.timeout(WITHIN_S):
            while line := await anext(self._lines):
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif field == "id":
                    self.last_id = value
                elif field == "retry":
                    self.retry_ms = int(value)
                else:
                    self.comments.append(value)
        if data:
            self.seen.append((name, orjson.loads("\n".join(data))))

    async def until(self, count: int) -> None:
        """Reads until `count` events of stock, orders and the like have arrived."""
        while len(self.events) < count:
            await self.block()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events without a name, which onmessage gets."""
        return [data for name, data in self.seen if name == "message"]

    @property
    def positions(self) -> list[int]:
        """Positions of the events."""
        return [event["sequence"] for event in self.events]


@asynccontextmanager
async def streaming(served: Served, query: str = "", **headers: str) -> AsyncIterator[Source]:
    async with httpx.AsyncClient(base_url=served.url, headers={**HEADERS, **headers}, timeout=WITHIN_S) as client:
        async with client.stream("GET", f"{PATH}?{query}") as answer:
            assert answer.status_code == 200, await answer.aread()
            source = Source(answer)
            await source.block()
            yield source


async def test_a_stream_begins_with_hello_and_brings_events_with_their_ids(served: Served) -> None:
    async with streaming(served, "topics=stock") as source:
        assert source.answer.headers["content-type"].startswith("text/event-stream")
        assert source.answer.headers["cache-control"] == "no-store"
        assert "content-length" not in source.answer.headers
        assert source.seen[0][0] == "hello"
        assert source.retry_ms == 1_000
        await served.happens(stock(1), named("order.order.placed", "order", "o", 1), stock(2))
        await source.until(2)
    assert source.positions == [1, 2]
    assert resume_token.decode(source.last_id)["inventory"] == 2


async def test_a_browser_that_comes_back_with_its_last_id_misses_and_repeats_nothing(served: Served) -> None:
    async with streaming(served) as source:
        await served.happens(stock(1), stock(2))
        await source.until(2)
    await served.happens(stock(3), stock(4))
    async with streaming(served, **{"Last-Event-ID": source.last_id}) as again:
        await again.until(2)
    async with streaming(served, f"last_event_id={source.last_id}") as by_query:
        await by_query.until(2)
    assert again.positions == by_query.positions == [3, 4]


async def test_a_heartbeat_moves_the_id_and_shows_no_event(served: Served) -> None:
    async with streaming(served, "topics=orders") as source:
        await served.happens(stock(1))
        served.hub.beat()
        await source.block()
    assert source.events == []
    assert source.comments == ["heartbeat"]
    assert resume_token.decode(source.last_id)["inventory"] == 1


async def test_a_process_that_ends_ends_its_streams_with_another_time_to_come_back(served: Served) -> None:
    async with streaming(served) as source:
        _, ended = await asyncio.gather(served.hub.drain(), _to_the_end(source))
    assert ended == "reconnect"
    assert 1_000 <= source.retry_ms <= 3_000


async def _to_the_end(source: Source) -> str:
    try:
        while True:
            await source.block()
    except StopAsyncIteration:
        return source.seen[-1][0]


async def test_a_stream_is_counted_when_it_begins_and_not_as_a_request_that_lasts(served: Served) -> None:
    counted = metrics.REQUESTS.of("GET", PATH, "200")
    before, slow_before = counted.value, metrics.SECONDS.of("GET", PATH).total
    in_flight = metrics.IN_FLIGHT.value
    async with streaming(served):
        assert counted.value == before + 1
        assert metrics.IN_FLIGHT.value == in_flight
    assert counted.value == before + 1
    assert metrics.SECONDS.of("GET", PATH).total - slow_before < 1.0
