"""Who may see what: the API token everything, a ticket what it says, for as long as it says."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from edge.push.tickets import TicketExpired, TicketInvalid, Tickets
from tests.edge.conftest import TOKEN
from tests.edge.push.live import WITHIN_S, listening
from tests.edge.push.served import Served
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
        return Tickets("another token").issue(["stock"], [], [], 600)[0]
    if ticket == "expired":
        return Tickets(TOKEN, lambda: 1_000_000.0).issue(["stock"], [], [], 600)[0]
    return await issued(served, **ticket) if isinstance(ticket, dict) else ""


async def _socket(served: Served, query: str, offered: str | None) -> tuple[int, str, str | None] | None:
    """None when it opens, else status, reason and scope. `offered`: the ticket among the subprotocols."""
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
    ticket, _ = tickets.issue(["stock"], [], [], 2)
    async with listening(served.url, None, ticket=ticket) as listener:
        with pytest.raises(ConnectionClosed) as end:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    await listener.message()
    assert end.value.rcvd is not None
    assert (end.value.rcvd.code, end.value.rcvd.reason) == (4401, "ticket expired")


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
        Tickets(TOKEN).read(ticket)


def test_a_changed_ticket_is_refused_and_an_old_one_expires() -> None:
    now = [1_000.0]
    tickets = Tickets(TOKEN, lambda: now[0])
    ticket, expires_s = tickets.issue(["stock"], ["A"], [], 60)
    assert expires_s == 1_060
    assert tickets.read(ticket).skus == {"A"}
    body, _, signature = ticket.partition(".")
    with pytest.raises(TicketInvalid):
        tickets.read(f"{body[:-1]}.{signature}")
    now[0] = 1_060.0
    with pytest.raises(TicketExpired):
        tickets.read(ticket)
