"""The WebSocket protocol in detail: hello, filters, errors, slow clients, a full and an ending process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from edge.push import metrics, places, resume_token
from gen.inventory.v1.events_pb2 import ReservationChanged
from gen.inventory.v1.reservation_pb2 import Reservation, ReservationLine
from gen.inventory.v1.stock_pb2 import StockLevel
from gen.inventory.v1.stock_service_pb2 import BatchGetStockResponse, SkuStock
from tests.edge.conftest import TOKEN
from tests.edge.far_side import FarSide
from tests.edge.push.live import WITHIN_S, Listener, listening
from tests.edge.push.served import Served
from tests.edge.push.world import named, stock


async def closed(listener: Listener) -> tuple[int, str]:
    """The close code and reason; all earlier messages are recorded."""
    try:
        while True:
            await listener.message()
    except ConnectionClosed as end:
        assert end.rcvd is not None
        return end.rcvd.code, end.rcvd.reason


async def test_hello_says_where_the_client_is_and_what_it_will_get(served: Served) -> None:
    await served.happens(stock(1))
    async with listening(served.url, TOKEN, topics="stock,alerts", skus="A,B", snapshot="false") as listener:
        hello = await listener.word("hello")
    assert resume_token.decode(hello["token"])["inventory"] == 1
    assert hello["filters"]["topics"] == ["alerts", "stock"]
    assert hello["filters"]["skus"] == ["A", "B"]
    assert hello["snapshot"] is False
    assert hello["heartbeat_seconds"] == 15


async def test_events_that_wait_go_together_and_the_token_resumes_behind_them(served: Served) -> None:
    async with listening(served.url, TOKEN) as listener:
        await served.happens(*(stock(position) for position in range(1, 31)))
        await listener.until(lambda: len(listener.events) == 30, "thirty events")
        token = listener.token
    await served.happens(stock(31))
    async with listening(served.url, TOKEN, after=token) as back:
        await back.until(lambda: bool(back.events), "the rest")
    assert listener.positions() == list(range(1, 31))
    assert back.positions() == [31]


async def test_a_snapshot_comes_before_changes_and_no_older_level_after_it(served: Served, far_side: FarSide) -> None:
    level = StockLevel(sku="A", location="berlin", version=5)
    far_side.answers("BatchGetStock", BatchGetStockResponse(stocks=[SkuStock(sku="A", levels=[level])], missing=["B"]))
    async with listening(served.url, TOKEN, skus="A,B") as listener:
        snapshot = await listener.word("snapshot")
        await served.happens(*(stock(position, version=position + 3) for position in range(1, 5)))
        await listener.until(lambda: 4 in listener.positions(), "the newest")
    assert [found["version"] for found in snapshot["levels"]] == [5]
    assert snapshot["missing"] == ["B"]
    assert listener.positions() == [3, 4]
    assert [word for word, _ in listener.words][:2] == ["hello", "snapshot"]


async def test_who_comes_with_a_forgotten_token_is_reset_and_gets_the_levels_anew(
    served: Served, far_side: FarSide
) -> None:
    level = StockLevel(sku="A", location="berlin", version=9)
    far_side.answers("BatchGetStock", BatchGetStockResponse(stocks=[SkuStock(sku="A", levels=[level])]))
    await served.happens(*(stock(position) for position in range(1, 10)))
    served.logs["inventory"].oldest = 8
    served.hub.ring.begin(served.hub.positions)
    old = resume_token.encode({"inventory": 2})
    async with listening(served.url, TOKEN, skus="A", after=old) as listener:
        snapshot = await listener.word("snapshot")
        await served.happens(stock(10))
        await listener.until(lambda: bool(listener.events), "the following events")
    assert [word for word, _ in listener.words] == ["hello", "reset", "snapshot"]
    assert dict(listener.words)["reset"]["reason"] == "EVENTS_FORGOTTEN"
    assert snapshot["levels"][0]["version"] == 9
    assert listener.positions() == [10]


async def test_a_client_changes_its_mind(served: Served, far_side: FarSide) -> None:
    far_side.answers("BatchGetStock", BatchGetStockResponse(missing=["B"]))
    async with listening(served.url, TOKEN, topics="orders") as listener:
        await listener.say({"subscribe": {"skus": ["B"]}})
        assert (await listener.word("subscribed"))["filters"]["topics"] == ["stock"]
        await listener.word("snapshot")
        await served.happens(named("order.order.placed", "order", "o", 1), stock(1, sku="A"), stock(2, sku="B"))
        await listener.until(lambda: bool(listener.events), "the change of B")
        await listener.say({"unsubscribe": True})
        await listener.word("unsubscribed")
        await served.happens(stock(3, sku="B"))
        await listener.say({"ping": 7})
        assert (await listener.word("pong"))["ping"] == 7
    assert [event["subject"] for event in listener.events] == ["B"]


@pytest.mark.parametrize(
    ("said", "status", "field"),
    [
        ("no json", 400, None),
        ("[]", 422, "body"),
        ("{}", 422, "body"),
        ({"unheard": 1}, 422, "unheard"),
        ({"subscribe": {}, "ping": 1}, 422, "body"),
        ({"subscribe": None}, 422, "subscribe"),
        ({"subscribe": {"skus": "A"}}, 422, "subscribe.skus"),
        ({"subscribe": {"skus": []}}, 422, "subscribe.skus"),
        ({"subscribe": {"skus": ["A", 1]}}, 422, "subscribe.skus[1]"),
        ({"subscribe": {"skus": ["x" * 65]}}, 422, "subscribe.skus[0]"),
        ({"subscribe": {"skus": ["A"] * 501}}, 422, "subscribe.skus"),
        ({"subscribe": {"topics": ["weather"]}}, 422, "subscribe.topics[0]"),
        ({"subscribe": {"types": ["Not A Type"]}}, 422, "subscribe.types[0]"),
        ({"subscribe": {"shops": ["A"]}}, 422, "subscribe.shops"),
        ({"subscribe": {"snapshot": True}}, 422, "snapshot"),
        ({"unsubscribe": False}, 422, "unsubscribe"),
        ('{"ping": 18446744073709551616}', 422, "ping"),
        ('{"ping": [{"deep": -9223372036854775809}]}', 422, "ping"),
        ('{"ping": "\\ud800"}', 400, None),
        ('{"ping": ' + "[" * 50_000 + "]" * 50_000 + "}", 400, None),
    ],
)
async def test_a_wrong_message_gets_an_error_with_its_place_and_the_connection_stays(
    served: Served, said: Any, status: int, field: str | None
) -> None:
    async with listening(served.url, TOKEN) as listener:
        await listener.connection.send(said if isinstance(said, str) else orjson.dumps(said).decode())
        error = await listener.word("error")
        assert (error["status"], error["metadata"].get("field")) == (status, field)
        await served.happens(stock(1))
        await listener.until(lambda: listener.positions() == [1], "events continue")


async def test_a_message_that_is_too_long_ends_the_connection(served: Served) -> None:
    async with listening(served.url, TOKEN) as listener:
        await listener.connection.send("x" * 200_000)
        assert (await closed(listener))[0] == 1009


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("topics=weather", 422, "topics[0]"),
        ("skus=", 422, "skus[0]"),
        ("skus=A&skus=B", 422, "skus"),
        ("colour=red", 422, "colour"),
        ("snapshot=maybe", 422, "snapshot"),
        ("snapshot=true", 422, "snapshot"),
        ("after=nonsense", 422, "after"),
        ("after=" + "A" * 2_000, 422, "after"),
    ],
)
async def test_a_wrong_query_is_answered_before_the_upgrade(
    served: Served, query: str, status: int, field: str
) -> None:
    problem = await refused(served, query, TOKEN)
    assert (problem["status"], problem["metadata"]["field"]) == (status, field)
    async with httpx.AsyncClient(base_url=served.url, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        answer = await client.get(f"/v1/inventory/stream?{query}")
    assert (answer.status_code, answer.json()["metadata"]["field"]) == (status, field)


async def refused(served: Served, query: str, token: str | None) -> dict[str, Any]:
    """The problem in the answer to a handshake."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with pytest.raises(InvalidStatus) as answered:
        async with connect(f"{served.url.replace('http', 'ws')}/ws/inventory?{query}", additional_headers=headers):
            pass
    body = answered.value.response.body
    assert answered.value.response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = orjson.loads(body or b"")
    assert problem["status"] == answered.value.response.status_code
    return problem


async def test_more_connections_than_a_process_takes_are_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST_CLIENTS", 1)
    async with listening(served.url, TOKEN):
        problem = await refused(served, "", TOKEN)
        assert (problem["status"], problem["reason"]) == (503, "OVERLOADED")
    async with asyncio.timeout(WITHIN_S):
        while served.hub.clients:
            await asyncio.sleep(0)
    async with listening(served.url, TOKEN) as again:
        assert again.token


async def test_who_does_not_read_is_closed_with_4008_and_resumes_without_a_gap(served: Served) -> None:
    """Events of 60 kB each: the sockets' buffers are soon full, then the client's queue."""
    lines = [ReservationLine(sku=f"S-{number}", location="berlin", quantity=1) for number in range(600)]
    data = ReservationChanged(reservation=Reservation(reservation_id="r", lines=lines)).SerializeToString()
    event = named("inventory.reservation.created", "inventory", "r", 1)._replace(data=data)
    slow_before = metrics.SLOW.value
    async with listening(served.url, TOKEN) as slow:
        slow.connection.transport.pause_reading()
        position = 0
        async with asyncio.timeout(60):
            while metrics.SLOW.value == slow_before:
                position += 1
                await served.happens(event._replace(position=position, id=f"inventory-{position}"))
                await asyncio.sleep(0)
        slow.connection.transport.resume_reading()
        code, why = await closed(slow)
    assert (code, why) == (4008, "too slow")
    assert slow.words[-1][0] == "close"
    assert slow.positions() == list(range(1, len(slow.events) + 1))
    assert len(slow.events) < position
    async with listening(served.url, TOKEN, after=slow.token) as back:
        await back.until(lambda: back.positions()[-1:] == [position], "the rest")
    assert slow.positions() + back.positions() == list(range(1, position + 1))


async def test_heartbeats_move_the_token_on_past_what_the_filter_leaves_out(served: Served) -> None:
    async with listening(served.url, TOKEN, topics="orders") as listener:
        await served.happens(stock(1), stock(2))
        served.hub.beat()
        token = await listener.word("heartbeat")
    assert resume_token.decode(token)["inventory"] == 2


async def test_a_process_that_ends_tells_everybody_to_come_back_a_little_apart(served: Served) -> None:
    async with listening(served.url, TOKEN) as one, listening(served.url, TOKEN) as other:
        await served.happens(stock(1))
        await one.until(lambda: one.positions() == [1], "the event")
        await asyncio.gather(served.hub.drain(), closed_with_restart(one), closed_with_restart(other))
        problem = await refused(served, "", TOKEN)
        assert (problem["status"], problem["reason"]) == (503, "SHUTTING_DOWN")
    assert resume_token.decode(dict(one.words)["reconnect"]["token"])["inventory"] == 1


async def closed_with_restart(listener: Listener) -> None:
    assert await closed(listener) == (1012, "restart")
    word, body = listener.words[-1]
    assert word == "reconnect"
    assert 0 <= body["after_ms"] <= 2_000
