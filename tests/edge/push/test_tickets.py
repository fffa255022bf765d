"""Access to live push: the API token sees everything, a ticket its own scope, for its own lifetime."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from edge.problems import Problem
from edge.push import resume_token
from edge.push.door import Push
from edge.push.filters import Filter, Grant
from edge.push.subscriber import Kind
from edge.push.tickets import TicketExpired, TicketInvalid, Tickets
from edge.push.visitor import Visitor
from tests.edge.conftest import TICKET_KEY, TOKEN
from tests.edge.push.live import WITHIN_S, listening
from tests.edge.push.served import Served
from tests.edge.push.test_graphql import entered, subscribing
from tests.edge.push.world import named, stock


async def issued(served: Served, **body: Any) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers) as client:
        answer = await client.post("/v1/stream-tickets", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket"])


CASES = [
    ({"topics": ["stock"]}, "", None),
    ({"topics": ["stock"]}, "topics=stock&skus=A", None),
    ({"topics": ["stock"], "skus": ["A"]}, "skus=A", None),
    ({"topics": ["stock"], "skus": ["A"]}, "skus=B", (403, "SCOPE_MISSING", "skus")),
    ({"topics": ["stock"]}, "topics=orders", (403, "SCOPE_MISSING", "orders")),
    ({"topics": ["stock"]}, "orders=o1", (403, "SCOPE_MISSING", "orders")),
    ({"topics": ["orders"], "orders": ["o1"]}, "orders=o2", (403, "SCOPE_MISSING", "orders")),
    (None, "", (401, "TOKEN_INVALID", None)),
    ("forged", "", (401, "TOKEN_INVALID", None)),
    ("expired", "", (401, "TOKEN_EXPIRED", None)),
]


@pytest.mark.parametrize(("ticket", "query", "refusal"), CASES)
async def test_a_ticket_opens_what_it_names_and_nothing_else(
    served: Served, ticket: dict[str, Any] | str | None, query: str, refusal: tuple[int, str, str | None] | None
) -> None:
    given = await _given(served, ticket)
    parameters = "&".join(part for part in (query, f"ticket={given}" if given else "") if part)
    assert await _socket(served, parameters, None) == refusal
    assert await _socket(served, query, given) == refusal
    async with httpx.AsyncClient(base_url=served.url, timeout=WITHIN_S) as client:
        async with client.stream("GET", f"/v1/inventory/stream?{parameters}") as answer:
            if refusal is None:
                assert answer.status_code == 200
                return
            problem = orjson.loads(await answer.aread())
    assert (problem["status"], problem["reason"], problem["metadata"].get("scope")) == refusal


async def _given(served: Served, ticket: dict[str, Any] | str | None) -> str:
    if ticket == "forged":
        return Tickets(TOKEN).issue(["stock"], [], [], 600)[0]
    if ticket == "expired":
        return Tickets(TICKET_KEY, lambda: 1_000_000.0).issue(["stock"], [], [], 600)[0]
    return await issued(served, **ticket) if isinstance(ticket, dict) else ""


async def _socket(served: Served, query: str, offered: str | None) -> tuple[int, str, str | None] | None:
    """None if it opens, else status, reason and scope. `offered`: the ticket among the subprotocols."""
    protocols = [Subprotocol(f"ticket.{offered}")] if offered else None
    try:
        async with connect(
            f"{served.url.replace('http', 'ws')}/ws/inventory?{query}", subprotocols=protocols
        ) as opened:
            assert b"hello" in orjson.dumps(orjson.loads(await opened.recv()))
            return None
    except InvalidStatus as answered:
        problem = orjson.loads(answered.response.body or b"")
        return problem["status"], problem["reason"], problem["metadata"].get("scope")


async def test_a_ticket_for_some_skus_shows_those_only_also_without_a_filter(served: Served) -> None:
    ticket = await issued(served, topics=["stock", "alerts"], skus=["A"])
    async with listening(served.url, None, ticket=ticket, snapshot="false") as listener:
        await served.happens(
            stock(1, sku="B"),
            named("inventory.audit.drift_found", "inventory", "B@berlin", 2),
            named("order.order.placed", "order", "o", 1),
            stock(3, sku="A"),
        )
        await listener.until(lambda: bool(listener.events), "the change of A")
        await listener.say({"subscribe": {"topics": ["orders"]}})
        error = await listener.word("error")
    assert (error["status"], error["reason"], error["metadata"]["scope"]) == (403, "SCOPE_MISSING", "orders")
    assert listener.positions() == [3]


async def test_a_connection_ends_with_its_ticket(served: Served) -> None:
    tickets: Tickets = served.application.state.tickets
    ticket, _ = tickets.issue(["stock"], [], [], 3)
    async with listening(served.url, None, ticket=ticket) as listener:
        with pytest.raises(ConnectionClosed) as end:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    await listener.message()
    assert end.value.rcvd is not None
    assert (end.value.rcvd.code, end.value.rcvd.reason) == (4401, "ticket expired")


async def test_a_graphql_connection_and_its_subscriptions_end_with_their_ticket(served: Served) -> None:
    tickets: Tickets = served.application.state.tickets
    ticket, _ = tickets.issue(["stock"], [], [], 3)
    async with subscribing(served, ticket) as client:
        await client.subscribe("subscription {stockChanged {position}}")
        last = await client.hear()
        error = last["payload"][0] if last["type"] == "error" else last["payload"]["errors"][0]
        assert (error["extensions"]["reason"], error["extensions"]["status"]) == ("TOKEN_EXPIRED", 401)
        assert list(resume_token.decode(error["extensions"]["metadata"]["token"])) == ["inventory"]
        with pytest.raises(ConnectionClosed) as end:
            while True:
                await client.hear()
    assert end.value.rcvd is not None
    assert (end.value.rcvd.code, end.value.rcvd.reason) == (4401, "ticket expired")
    await left(served)


async def test_a_graphql_connection_without_a_subscription_ends_with_its_ticket(served: Served) -> None:
    ticket, _ = served.application.state.tickets.issue(["stock"], [], [], 3)
    async with subscribing(served, ticket) as client:
        with pytest.raises(ConnectionClosed) as end:
            await client.hear()
    assert end.value.rcvd is not None
    assert (end.value.rcvd.code, end.value.rcvd.reason) == (4401, "ticket expired")
    await left(served)


async def test_an_event_stream_ends_with_its_ticket(served: Served) -> None:
    ticket, _ = served.application.state.tickets.issue(["stock"], [], [], 3)
    async with httpx.AsyncClient(base_url=served.url, timeout=WITHIN_S) as client:
        said = (await client.get("/v1/inventory/stream", params={"ticket": ticket})).text
    assert orjson.loads(said.rstrip().rpartition("data: ")[2])["reason"] == "ticket expired"
    await left(served)


async def left(served: Served) -> None:
    async with asyncio.timeout(WITHIN_S):
        while served.hub.places.taken or served.hub.connections.taken:
            await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["websocket", "sse", "graphql"])
async def test_nothing_is_opened_with_a_grant_that_has_ended(served: Served, kind: Kind) -> None:
    push: Push = served.application.state.push
    visitor = Visitor(Grant(frozenset({"stock"}), expires_s=1_000.0, ticket="t"))
    served.hub.unix_s = lambda: 999.9
    assert (await push.admit(kind, Filter(), visitor, "")).kind == kind
    served.hub.unix_s = lambda: 1_000.0
    with pytest.raises(Problem) as refused:
        await push.admit(kind, Filter(), visitor, "")
    assert (refused.value.status, refused.value.reason) == (401, "TOKEN_EXPIRED")


async def test_no_operation_begins_on_a_graphql_connection_whose_ticket_has_ended(served: Served) -> None:
    ticket, expires_s = served.application.state.tickets.issue(["stock"], [], [], 600)
    async with subscribing(served, ticket) as client:
        await client.subscribe("subscription {stockChanged {position}}")
        await entered(served)
        served.hub.unix_s = lambda: expires_s
        await client.say({"id": "2", "type": "subscribe", "payload": {"query": "subscription {stockChanged {token}}"}})
        await client.say({"type": "ping"})
        assert (await client.hear())["type"] == "pong"
        assert served.hub.clients == 1


async def test_the_tokens_of_a_ticket_show_no_source_that_it_may_not_see(served: Served) -> None:
    await served.happens(stock(1), named("order.order.placed", "order", "o", 1), named("promo.x.y", "promo", "p", 1))
    ticket = await issued(served, topics=["stock"])
    async with listening(served.url, None, ticket=ticket) as listener:
        hello = await listener.word("hello")
        await served.happens(named("order.order.placed", "order", "o", 2), stock(2))
        await listener.until(lambda: listener.positions() == [2], "the change")
        event_token = listener.token
        served.hub.beat()
        heartbeat = await listener.word("heartbeat")
    async with listening(served.url, None, ticket=ticket, after=hello["token"]) as resumed:
        await resumed.until(lambda: resumed.positions() == [2], "the change again")
    for token, position in ((hello["token"], 1), (event_token, 2), (heartbeat, 2), (resumed.token, 2)):
        assert resume_token.decode(token) == {"inventory": position}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "topics"),
        ({"topics": []}, "topics"),
        ({"topics": ["weather"]}, "topics[0]"),
        ({"topics": ["stock"], "ttl_seconds": 59}, "ttl_seconds"),
        ({"topics": ["stock"], "ttl_seconds": 3_601}, "ttl_seconds"),
        ({"topics": ["stock"], "skus": ["x" * 65]}, "skus[0]"),
        ({"topics": ["stock"], "shops": ["A"]}, "shops"),
    ],
)
async def test_a_ticket_that_cannot_be_is_refused_with_its_field(
    rest: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await rest.post("/v1/stream-tickets", json=body)
    assert (answer.status_code, answer.json()["metadata"]["field"]) == (422, field)


async def test_only_the_api_token_gets_tickets_and_a_ticket_opens_no_other_route(
    anonymous: httpx.AsyncClient, served: Served
) -> None:
    assert (await anonymous.post("/v1/stream-tickets", json={"topics": ["stock"]})).status_code == 401
    ticket = await issued(served, topics=["stock"])
    assert (await anonymous.get(f"/v1/locations?ticket={ticket}")).status_code == 401
    assert (await anonymous.post(f"/v1/stream-tickets?ticket={ticket}", json={"topics": ["stock"]})).status_code == 401


@pytest.mark.parametrize("ticket", ["", ".", "a.b", "é.é", "e30.AAAA", "x" * 10_000])
def test_what_is_no_ticket_is_refused(ticket: str) -> None:
    with pytest.raises(TicketInvalid):
        Tickets(TICKET_KEY).read(ticket)


def test_a_changed_ticket_is_refused_and_an_old_one_expires() -> None:
    now = [1_000.0]
    tickets = Tickets(TICKET_KEY, lambda: now[0])
    ticket, expires_s = tickets.issue(["stock"], ["A"], [], 60)
    assert expires_s == 1_060
    assert tickets.read(ticket).skus == {"A"}
    body, _, signature = ticket.partition(".")
    with pytest.raises(TicketInvalid):
        tickets.read(f"{body[:-1]}.{signature}")
    now[0] = 1_060.0
    with pytest.raises(TicketExpired):
        tickets.read(ticket)
