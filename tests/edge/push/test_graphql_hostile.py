"""GraphQL from an attacker: each document costs little, and a caller's mistake is never reported as the server's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from graphql import get_introspection_query
from websockets.exceptions import ConnectionClosed

from edge.graphql import limits
from tests.edge.conftest import TOKEN
from tests.edge.push.graphql_documents import bomb
from tests.edge.push.served import Served
from tests.edge.push.test_graphql import Subscriber, subscribing

OURS = "An internal error occurred"
SIZES = range(10, 101, 10)


@pytest.fixture
def no_bug_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture
def unvalidated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test whose document reaches graphql-core's rules."""

    def reached(*_: object) -> None:
        raise AssertionError("the document was validated")

    monkeypatch.setattr(limits, "violations", reached)


async def over_http(served: Served, body: bytes | dict[str, Any]) -> tuple[int, dict[str, Any]]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=20) as client:
        answer = await client.post("/graphql", content=raw)
        return answer.status_code, answer.json()


async def over_websocket(client: Subscriber, payload: Any) -> dict[str, Any]:
    """The first error in the answer to an operation."""
    await client.say({"id": "1", "type": "subscribe", "payload": payload})
    while (message := await client.hear())["type"] not in ("error", "next"):
        pass
    payload = message["payload"]
    error: dict[str, Any] = payload[0] if isinstance(payload, list) else payload["errors"][0]
    return error


async def begin(client: Subscriber) -> None:
    await client.say({"type": "connection_init"})
    assert (await client.hear())["type"] == "connection_ack"


@pytest.mark.usefixtures("unvalidated", "no_bug_logged")
async def test_bombs_over_http_are_refused_before_validation_while_others_are_served(served: Served) -> None:
    answers = await asyncio.gather(*(over_http(served, {"query": bomb(size)}) for size in SIZES), health(served))
    for status, document in answers[:-1]:
        assert status == 200
        assert document["errors"][0]["extensions"]["reason"] == "QUERY_TOO_COSTLY"


@pytest.mark.usefixtures("unvalidated", "no_bug_logged")
@pytest.mark.parametrize("with_ticket", [True, False])
async def test_bombs_over_websocket_are_refused_before_validation_while_others_are_served(
    served: Served, with_ticket: bool
) -> None:
    ticket = served.application.state.tickets.issue(["stock"], [], [], 600)[0] if with_ticket else ""
    async with subscribing(served, ticket) as client:
        await begin(client)
        for size in SIZES:
            error, _ = await asyncio.gather(over_websocket(client, {"query": bomb(size)}), health(served))
            assert error["extensions"]["reason"] == "QUERY_TOO_COSTLY"


async def health(served: Served) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(base_url=served.url) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 200
    return answer.status_code, {}


TWO = "query A {__typename} query B {__typename}"
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"query": 5}, "query"),
    ({"query": ""}, "query"),
    ({"query": None}, "query"),
    ({}, "query"),
    ({"query": "{__typename}", "variables": [1]}, "variables"),
    ({"query": "{__typename}", "operationName": 7}, "operationName"),
    ({"query": "{__typename}", "operationName": "x" * 201}, "operationName"),
    ({"query": "query A {__typename}", "operationName": "B"}, "operationName"),
    ({"query": "{__typename}", "operationName": ""}, "operationName"),
    ({"query": TWO}, "operationName"),
    ({"query": TWO, "operationName": "C"}, "operationName"),
]


@pytest.mark.usefixtures("no_bug_logged")
@pytest.mark.parametrize(("payload", "field"), MISTAKES)
async def test_a_request_that_cannot_be_one_names_its_field_over_http(
    served: Served, payload: dict[str, Any], field: str
) -> None:
    status, answer = await over_http(served, payload)
    problem = answer["errors"][0]["extensions"] if status == 200 else answer
    assert (problem["status"], problem["metadata"]["field"]) == (422, field)


@pytest.mark.usefixtures("no_bug_logged")
@pytest.mark.parametrize(("payload", "field"), MISTAKES)
async def test_a_request_that_cannot_be_one_names_its_field_over_websocket(
    served: Served, payload: dict[str, Any], field: str
) -> None:
    async with subscribing(served) as client:
        await begin(client)
        error = await over_websocket(client, payload)
        assert (error["extensions"]["status"], error["extensions"]["metadata"]["field"]) == (422, field)
        assert (await over_websocket(client, {"query": "{nothing}"}))["message"].startswith("Cannot query field")


async def test_a_number_beyond_64_bits_is_refused_over_http(served: Served) -> None:
    body = b'{"query": "query($v: Int) {__typename}", "variables": {"v": 18446744073709551616}}'
    _, answer = await over_http(served, body)
    assert answer["errors"][0]["extensions"]["metadata"] == {"field": "variables"}


DEEP = b'{"query": "{__typename}", "variables": {"v": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}"
SURROGATE = b'{"query": "{__typename}", "variables": {"v": "\\ud800"}}'


@pytest.mark.usefixtures("no_bug_logged")
@pytest.mark.parametrize("payload", [DEEP, SURROGATE, b"[1", b"\xff"])
async def test_what_is_no_json_is_the_callers_mistake_over_both_transports(served: Served, payload: bytes) -> None:
    status, problem = await over_http(served, payload)
    assert (status, problem["reason"]) == (400, "JSON_INVALID")
    async with subscribing(served) as client:
        await begin(client)
        message = b'{"id": "1", "type": "subscribe", "payload": ' + payload + b"}"
        assert await _closed_by(client, message) in ((4400, "WebSocket message must be valid JSON"), (1007, ""))


@pytest.mark.usefixtures("no_bug_logged")
@pytest.mark.parametrize(
    "message",
    [
        b"null",
        b"[]",
        b"{}",
        b'{"type": 5}',
        b'{"type": {}}',
        b'{"type": "' + b"x" * 1_000 + b'"}',
        b'{"type": "subscribe", "payload": {"query": "{a}"}}',
        b'{"type": "subscribe", "id": [], "payload": {"query": "{a}"}}',
        b'{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}',
        b'{"type": "complete", "id": {}}',
    ],
)
async def test_a_message_of_no_known_kind_closes_with_4400(served: Served, message: bytes) -> None:
    async with subscribing(served) as client:
        await begin(client)
        assert await _closed_by(client, message) == (4400, "Failed to parse message")


async def _closed_by(client: Subscriber, message: bytes) -> tuple[int, str]:
    try:
        await client.connection.send(message, text=True)
        while True:
            await client.hear()
    except ConnectionClosed as end:
        assert end.rcvd is not None
        return end.rcvd.code, end.rcvd.reason


@pytest.mark.usefixtures("no_bug_logged")
async def test_a_syntax_error_with_a_long_name_is_an_error_of_its_operation(served: Served) -> None:
    async with subscribing(served) as client:
        await begin(client)
        error = await over_websocket(client, {"query": "{a} " + "x" * 2_000})
        assert error["message"].startswith("Syntax Error")
        assert error["locations"] == [{"line": 1, "column": 5}]


async def test_the_standard_introspection_is_for_the_api_token_and_not_for_tickets(served: Served) -> None:
    query = get_introspection_query()
    _, document = await over_http(served, {"query": query})
    assert document["data"]["__schema"]["queryType"]["name"] == "Query"
    ticket, _ = served.application.state.tickets.issue(["stock"], [], [], 600)
    async with subscribing(served, ticket) as client:
        await begin(client)
        error = await over_websocket(client, {"query": query})
        assert (error["extensions"]["reason"], error["extensions"]["metadata"]) == (
            "SCOPE_MISSING",
            {"scope": "introspection"},
        )


async def test_a_query_of_64_kib_is_read_and_one_byte_more_is_refused_over_websocket(served: Served) -> None:
    async with subscribing(served) as client:
        await begin(client)
        most = "{nothing}" + " " * (limits.MOST_BYTES - 9)
        assert (await over_websocket(client, {"query": most}))["message"].startswith("Cannot query field")
        assert (await over_websocket(client, {"query": most + " "}))["extensions"]["status"] == 422
