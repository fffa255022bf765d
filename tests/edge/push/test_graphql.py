"""GraphQL: queries, subscriptions over the hub, limits, and access."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from grpc import StatusCode
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from chassis.errors import ServiceError
from edge import metrics
from edge.graphql.reads import Reads
from edge.push import resume_token
from gen.order.v1.events_pb2 import OrderChanged
from gen.order.v1.order_pb2 import Order
from gen.promo.v1.events_pb2 import PromotionChanged
from gen.promo.v1.promotion_pb2 import Promotion
from gen.promo.v1.promotion_service_pb2 import ListPromotionsResponse
from tests.edge.conftest import TOKEN
from tests.edge.far_side import FarSide
from tests.edge.push.live import WITHIN_S
from tests.edge.push.served import Served
from tests.edge.push.shop import Shop
from tests.edge.push.world import named, stock


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_stock_of_the_real_product_reads_as_over_rest(shop: Shop) -> None:
    sku = await shop.sku()
    query = """query($sku: String!, $skus: [String!]!) {
      stock(sku: $sku) {sku available levels {location version}}
      stocks(skus: $skus) {sku onHand}}"""
    found = await ask(shop.client, query, sku=sku, skus=["NO-SUCH", sku])
    assert found["data"]["stock"] == {"sku": sku, "available": 1, "levels": [{"location": shop.location, "version": 1}]}
    assert found["data"]["stocks"] == [None, {"sku": sku, "onHand": 1}]


async def test_orders_and_offers_of_the_real_product_are_found(shop: Shop) -> None:
    sku = await shop.sku()
    body = {
        "lines": [{"sku": sku, "quantity": 1}],
        "currency": "EUR",
        "channel": "web",
        "customer": {"id": f"c-{sku}"},
        "payment": {"provider": "sandbox", "token": "tok_ok"},
    }
    placed = (await shop.client.post("/v1/orders", json=body)).json()
    query = """query($id: ID!, $customer: String!) {
      order(id: $id) {orderId state customerId total {currency amountMinor} lines {sku quantity}}
      orders(customer: $customer, status: "CONFIRMED") {orders {orderId createdAt} nextPageToken}
      offers {promotionId state}}"""
    found = (await ask(shop.client, query, id=placed["order_id"], customer=f"c-{sku}"))["data"]
    assert found["order"] == {
        "orderId": placed["order_id"],
        "state": "CONFIRMED",
        "customerId": f"c-{sku}",
        "total": {"currency": "EUR", "amountMinor": 100},
        "lines": [{"sku": sku, "quantity": 1}],
    }
    assert [order["orderId"] for order in found["orders"]["orders"]] == [placed["order_id"]]
    assert found["orders"]["orders"][0]["createdAt"].endswith("Z")


async def test_offers_are_what_is_given_now(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    late, early = Promotion(promotion_id="late", state=Promotion.STATE_ACTIVE), Promotion(promotion_id="early")
    late.end_time.FromJsonString("2020-01-01T00:00:00Z")
    early.state = Promotion.STATE_ACTIVE
    early.start_time.FromJsonString("2999-01-01T00:00:00Z")
    given = Promotion(promotion_id="given", state=Promotion.STATE_ACTIVE, percent_bps=1_000)
    draft = Promotion(promotion_id="draft", state=Promotion.STATE_DRAFT)
    far_side.answers("ListPromotions", ListPromotionsResponse(promotions=[late, early, given, draft]))
    found = await ask(rest, "{offers {promotionId percentBps fixedAmount {amountMinor}}}")
    assert found["data"]["offers"] == [{"promotionId": "given", "percentBps": 1_000, "fixedAmount": None}]


async def test_a_refusal_of_a_service_is_an_error_with_its_reason_and_status(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    far_side.answers("GetStock", ServiceError(StatusCode.NOT_FOUND, "SKU_NOT_FOUND", "there is no sku X", {"sku": "X"}))
    found = await ask(rest, '{stock(sku: "X") {sku}}')
    (error,) = found["errors"]
    assert found["data"] == {"stock": None}
    assert (error["extensions"]["reason"], error["extensions"]["status"]) == ("SKU_NOT_FOUND", 404)
    assert error["path"] == ["stock"]


async def test_what_goes_wrong_inside_is_not_told(rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Reads, sku: str) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(Reads, "stock", broken)
    found = await ask(rest, '{stock(sku: "X") {sku}}')
    assert "secret" not in orjson.dumps(found).decode()
    assert found["errors"][0]["message"].startswith("An internal error occurred")


ALIASES = "{" + " ".join(f'a{number}: stock(sku: "A") {{sku}}' for number in range(20)) + "}"
TOKENS = "{stock(sku: " + '"A") {' + "sku " * 1_100 + "}}"


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (ALIASES, "alias"),
        (TOKENS, "tokens"),
        ("{stock {sku}}", "required"),
        ("{nonsense}", "nonsense"),
        ('{orders(status: "LOST") {nextPageToken}}', "status"),
        ("{orders(pageSize: 501) {nextPageToken}}", "page_size"),
    ],
)
async def test_a_query_beyond_the_limits_or_the_schema_is_refused(
    rest: httpx.AsyncClient, query: str, complaint: str
) -> None:
    found = await ask(rest, query)
    assert complaint in found["errors"][0]["message"], found
    assert not (found.get("data") or {}).get("stock")


async def test_graphql_is_counted_under_its_own_path(rest: httpx.AsyncClient) -> None:
    before = metrics.REQUESTS.of("POST", "/graphql", "200").value
    await ask(rest, "{__typename}")
    assert metrics.REQUESTS.of("POST", "/graphql", "200").value == before + 1


async def test_graphql_is_posted_whole_and_not_too_long(rest: httpx.AsyncClient) -> None:
    assert (await rest.get("/graphql?query={offers{name}}")).status_code == 405
    for body, status, reason, field in (
        (b"", 422, "FIELD_REQUIRED", "query"),
        (b"{", 400, "JSON_INVALID", None),
        (b"null", 422, "FIELD_INVALID", "body"),
        (b"[]", 422, "FIELD_INVALID", "body"),
        (b'{"query": 5}', 422, "FIELD_INVALID", "query"),
        (b'{"query": "{x}", "variables": []}', 422, "FIELD_INVALID", "variables"),
        (b'{"query": "%b"}' % (b" " * 200_000), 422, "FIELD_INVALID", "query"),
        (b'{"query": "%b"}' % (b" " * 2_000_000), 413, "BODY_TOO_LARGE", None),
        (b'{"query": "{a: __typename}", "operationName": "other"}', 422, "FIELD_INVALID", "operationName"),
        (b'{"query": "subscription {stockChanged {token}}"}', 422, "FIELD_INVALID", "query"),
        (b'{"query": "mutation {a}"}', 422, "FIELD_INVALID", "query"),
    ):
        refused = await rest.post("/graphql", content=body)
        problem = refused.json()
        assert (refused.status_code, problem["reason"], problem["metadata"].get("field")) == (status, reason, field)
    extra = await rest.post("/graphql", json={"query": "{__typename}", "extensions": {"of": "others"}})
    assert extra.json() == {"data": {"__typename": "Query"}}


class Subscriber:
    """A graphql-transport-ws client with one subscription."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, message: dict[str, Any]) -> None:
        await self.connection.send(orjson.dumps(message).decode())

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            message: dict[str, Any] = orjson.loads(await self.connection.recv())
        return message

    async def subscribe(self, query: str) -> None:
        await self.say({"type": "connection_init"})
        assert (await self.hear())["type"] == "connection_ack"
        await self.say({"id": "1", "type": "subscribe", "payload": {"query": query}})

    async def next(self) -> dict[str, Any]:
        message = await self.hear()
        assert message["type"] == "next", message
        data: dict[str, Any] = message["payload"]["data"]
        return data


@asynccontextmanager
async def subscribing(served: Served, ticket: str = "") -> AsyncIterator[Subscriber]:
    headers = {} if ticket else {"Authorization": f"Bearer {TOKEN}"}
    protocols = [Subprotocol("graphql-transport-ws"), *([Subprotocol(f"ticket.{ticket}")] if ticket else [])]
    url = f"{served.url.replace('http', 'ws')}/graphql"
    async with connect(
        url, additional_headers=headers, subprotocols=protocols, origin=Origin("https://shop.example")
    ) as opened:
        assert opened.subprotocol == "graphql-transport-ws"
        yield Subscriber(opened)


async def entered(served: Served) -> None:
    async with asyncio.timeout(WITHIN_S):
        while served.hub.clients == 0:
            await asyncio.sleep(0)


async def test_a_subscription_brings_changes_and_resumes_by_their_tokens(served: Served) -> None:
    query = 'subscription {stockChanged(skus: ["A"]) {level {sku version} cause position token}}'
    async with subscribing(served) as client:
        await client.subscribe(query)
        await entered(served)
        await served.happens(stock(1, sku="B"), stock(2, sku="A"))
        change = (await client.next())["stockChanged"]
    assert (change["level"], change["cause"], change["position"]) == ({"sku": "A", "version": 2}, "RECEIVE", 2)
    assert resume_token.decode(change["token"])["inventory"] == 2
    await served.happens(stock(3, sku="A"))
    async with subscribing(served) as client:
        await client.subscribe(query.replace('["A"]', f'["A"], after: "{change["token"]}"'))
        assert (await client.next())["stockChanged"]["position"] == 3


async def test_orders_and_promotions_are_subscribed_by_their_ids(served: Served) -> None:
    order = OrderChanged(order=Order(order_id="o2", state=Order.STATE_CONFIRMED)).SerializeToString()
    promotion = PromotionChanged(promotion=Promotion(promotion_id="p", name="Ten")).SerializeToString()
    async with subscribing(served) as client:
        await client.subscribe('subscription {orderChanged(orders: ["o2"]) {order {orderId state} previousState}}')
        await entered(served)
        await served.happens(
            named("order.order.placed", "order", "o1", 1),
            named("order.order.confirmed", "order", "o2", 2)._replace(data=order),
        )
        change = (await client.next())["orderChanged"]
    assert change == {"order": {"orderId": "o2", "state": "CONFIRMED"}, "previousState": "UNSPECIFIED"}
    async with asyncio.timeout(WITHIN_S):
        while served.hub.clients:
            await asyncio.sleep(0)
    async with subscribing(served) as client:
        await client.subscribe('subscription {promotionChanged(promotions: ["p"]) {promotion {name percentBps}}}')
        await entered(served)
        await served.happens(named("promo.promotion.changed", "promo", "p", 1)._replace(data=promotion))
        assert (await client.next())["promotionChanged"]["promotion"] == {"name": "Ten", "percentBps": None}


async def test_a_ticket_subscribes_to_what_it_names_and_queries_nothing(served: Served) -> None:
    ticket, _ = served.application.state.tickets.issue(["stock"], ["A"], [], 600)
    async with subscribing(served, ticket) as client:
        await client.subscribe("subscription {orderChanged {position}}")
        assert refusal_of(await client.hear()) == ("SCOPE_MISSING", 403)
        await client.say({"id": "2", "type": "subscribe", "payload": {"query": "{offers {name}}"}})
        while (answer := await client.hear()).get("id") != "2":
            pass
        assert refusal_of(answer) == ("SCOPE_MISSING", 403)


def refusal_of(message: dict[str, Any]) -> tuple[str, int]:
    payload = message["payload"]
    error = payload[0] if isinstance(payload, list) else payload["errors"][0]
    return error["extensions"]["reason"], error["extensions"]["status"]


async def test_without_token_or_ticket_there_is_no_graphql(served: Served, anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.post("/graphql", json={"query": "{offers {name}}"})).status_code == 401
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{served.url.replace('http', 'ws')}/graphql"):
            pass
    assert refused.value.response.status_code == 401


async def test_a_process_that_ends_says_so_to_subscriptions(served: Served) -> None:
    async with subscribing(served) as client:
        await client.subscribe("subscription {stockChanged {position}}")
        await entered(served)
        await served.hub.drain()
        assert refusal_of(await client.hear()) == ("SHUTTING_DOWN", 503)
