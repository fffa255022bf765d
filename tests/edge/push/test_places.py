"""Limits of live connections per ticket, per address and for anonymous clients together, over every protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from edge.push import metrics, places
from tests.edge.conftest import TOKEN
from tests.edge.push.live import WITHIN_S
from tests.edge.push.served import Served
from tests.edge.push.test_graphql import refusal_of, subscribing

Refusal = tuple[int, str, dict[str, Any]]
"""Status, reason and metadata."""
Opens = Callable[[Served, str], AbstractAsyncContextManager[Refusal | None]]


@asynccontextmanager
async def websocket(served: Served, ticket: str) -> AsyncIterator[Refusal | None]:
    """None while it is open, else the refusal; without a ticket it uses the API token."""
    url = f"{served.url.replace('http', 'ws')}/ws/inventory" + (f"?ticket={ticket}" if ticket else "")
    async with opened(url, None, ticket) as refusal:
        yield refusal


@asynccontextmanager
async def graphql(served: Served, ticket: str) -> AsyncIterator[Refusal | None]:
    """The same with a GraphQL connection."""
    url = f"{served.url.replace('http', 'ws')}/graphql" + (f"?ticket={ticket}" if ticket else "")
    async with opened(url, [Subprotocol("graphql-transport-ws")], ticket) as refusal:
        yield refusal


@asynccontextmanager
async def opened(url: str, protocols: list[Subprotocol] | None, ticket: str) -> AsyncIterator[Refusal | None]:
    headers = {} if ticket else {"Authorization": f"Bearer {TOKEN}"}
    try:
        async with connect(url, additional_headers=headers, subprotocols=protocols):
            yield None
    except InvalidStatus as answered:
        problem = orjson.loads(answered.response.body or b"")
        assert int(answered.response.headers["retry-after"]) > 0
        yield problem["status"], problem["reason"], problem["metadata"]


@asynccontextmanager
async def event_stream(served: Served, ticket: str) -> AsyncIterator[Refusal | None]:
    """The same with an event stream."""
    headers = {} if ticket else {"Authorization": f"Bearer {TOKEN}"}
    parameters = {"ticket": ticket} if ticket else {}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=WITHIN_S) as client:
        async with client.stream("GET", "/v1/inventory/stream", params=parameters) as answer:
            if answer.status_code == 200:
                yield None
                return
            problem = orjson.loads(await answer.aread())
        assert int(answer.headers["retry-after"]) > 0
        yield problem["status"], problem["reason"], problem["metadata"]


PROTOCOLS = [websocket, event_stream, graphql]


def ticket_of(served: Served, sku: str) -> str:
    return str(served.application.state.tickets.issue(["stock"], [sku], [], 600)[0])


async def all_left(served: Served) -> None:
    async with asyncio.timeout(WITHIN_S):
        while served.hub.places.taken or served.hub.connections.taken:
            await asyncio.sleep(0)


@pytest.mark.parametrize("opens", PROTOCOLS)
async def test_one_ticket_has_so_many_connections_and_another_ticket_is_not_its_concern(
    served: Served, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST_PER_TICKET", 2)
    one, other = ticket_of(served, "A"), ticket_of(served, "B")
    refused_before = metrics.REFUSED.of("ticket").value
    async with opens(served, one) as first, opens(served, one) as second, opens(served, one) as third:
        assert (first, second) == (None, None)
        assert third == (429, "TOO_MANY_CONNECTIONS", {"limit": "ticket", "most": "2"})
        async with opens(served, other) as with_another, opens(served, "") as operator:
            assert (with_another, operator) == (None, None)
    assert metrics.REFUSED.of("ticket").value == refused_before + 1
    await all_left(served)
    async with opens(served, one) as again:
        assert again is None


@pytest.mark.parametrize("opens", PROTOCOLS)
async def test_one_address_has_so_many_connections_with_tickets_and_the_operator_any_number(
    served: Served, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST_PER_ADDRESS", 1)
    async with opens(served, ticket_of(served, "A")) as first, opens(served, ticket_of(served, "B")) as second:
        assert first is None
        assert second == (429, "TOO_MANY_CONNECTIONS", {"limit": "address", "most": "1"})
        async with opens(served, "") as operator, opens(served, "") as operator_again:
            assert (operator, operator_again) == (None, None)
    await all_left(served)


@pytest.mark.parametrize("opens", PROTOCOLS)
async def test_tickets_cannot_take_the_places_of_the_operator(
    served: Served, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST_CLIENTS", 2)
    monkeypatch.setattr(places, "RESERVED", 1)
    async with opens(served, ticket_of(served, "A")) as first, opens(served, ticket_of(served, "B")) as second:
        assert first is None
        assert second is not None
        assert second[:2] == (503, "OVERLOADED")
        async with opens(served, "") as operator, opens(served, "") as one_too_many:
            assert operator is None
            assert one_too_many is not None
            assert one_too_many[:2] == (503, "OVERLOADED")
    await all_left(served)


async def test_subscriptions_of_a_graphql_connection_count_like_connections(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST_PER_TICKET", 1)
    query = {"query": "subscription {stockChanged {position}}"}
    async with subscribing(served, ticket_of(served, "A")) as client:
        await client.subscribe(query["query"])
        await client.say({"id": "2", "type": "subscribe", "payload": query})
        refused = await client.hear()
    assert refused["id"] == "2"
    assert refusal_of(refused) == ("TOO_MANY_CONNECTIONS", 429)
    await all_left(served)
