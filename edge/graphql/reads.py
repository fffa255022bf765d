"""The service calls of queries. The only GraphQL module that reads protobuf messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from chassis import client
from chassis.events.event_types import message_as_json
from edge.clients import Clients
from edge.graphql import types
from edge.routes import levels
from edge.schemas.orders import OrderQuery
from gen.inventory.v1 import stock_service_pb2 as stock_pb
from gen.order.v1 import order_service_pb2 as order_pb
from gen.order.v1.order_pb2 import Order
from gen.promo.v1 import promotion_service_pb2 as promo_pb
from gen.promo.v1.promotion_pb2 import Promotion

PROMOTIONS_PAGE = 500
MOST_PAGES = 4
"""Pages that are searched for offers: 2,000 promotions. A shop with more needs a service that selects among them."""


class Reads:
    """The reads of all resolvers. Every method may raise ServiceError."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def stock(self, sku: str) -> types.Stock:
        """One sku."""
        answer = await client.call(self._clients.stock.GetStock, stock_pb.GetStockRequest(sku=sku))
        return types.stock(levels.stock(answer.stock))

    async def stocks(self, skus: Sequence[str]) -> list[types.Stock | None]:
        """Up to 500, None for those that do not exist."""
        answer = await client.call(self._clients.stock.BatchGetStock, stock_pb.BatchGetStockRequest(skus=skus))
        found = {entry.sku: types.stock(levels.stock(entry)) for entry in answer.stocks}
        return [found.get(sku) for sku in skus]

    async def order(self, order_id: str) -> types.Order:
        """One order."""
        answer = await client.call(self._clients.orders.GetOrder, order_pb.GetOrderRequest(order_id=order_id))
        return types.order(message_as_json(answer.order))

    async def orders(self, query: OrderQuery) -> types.OrderPage:
        """One page."""
        request = order_pb.ListOrdersRequest(
            page_size=query.page_size, page_token=query.page_token, customer_id=query.customer
        )
        if query.status is not None:
            request.state = Order.State.Value(f"STATE_{query.status}")
        answer = await client.call(self._clients.orders.ListOrders, request)
        found = [types.order(message_as_json(order)) for order in answer.orders]
        return types.OrderPage(orders=found, next_page_token=answer.next_page_token)

    async def offers(self, now: datetime) -> list[types.Promotion]:
        """Promotions that are active now."""
        found: list[types.Promotion] = []
        token = ""
        for _ in range(MOST_PAGES):
            request = promo_pb.ListPromotionsRequest(page_size=PROMOTIONS_PAGE, page_token=token)
            answer = await client.call(self._clients.promotions.ListPromotions, request)
            found += [types.promotion(message_as_json(one)) for one in answer.promotions if _is_given(one, now)]
            token = answer.next_page_token
            if not token:
                break
        return found


def _is_given(promotion: Promotion, now: datetime) -> bool:
    if promotion.state != Promotion.STATE_ACTIVE:
        return False
    if promotion.HasField("start_time") and now < promotion.start_time.ToDatetime(UTC):
        return False
    return not promotion.HasField("end_time") or now < promotion.end_time.ToDatetime(UTC)
