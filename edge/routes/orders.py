"""REST routes of orders."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from edge.answers import Answer, replayed
from edge.call import Call
from edge.openapi.headers import CHANGES
from edge.operation import options
from edge.routes import order_messages
from edge.routes.routers import under_v1
from edge.schemas import orders as schema
from edge.schemas.fields import OrderId
from gen.order.v1 import order_service_pb2 as pb
from gen.order.v1.order_pb2 import Order

router = under_v1("orders")

PLACE_DEADLINE_S = 15.0
"""A payment provider alone may take ten seconds."""
UNFINISHED = frozenset(
    {
        Order.STATE_NEW,
        Order.STATE_PRICED,
        Order.STATE_RESERVED,
        Order.STATE_AUTHORIZING,
        Order.STATE_AUTHORIZED,
        Order.STATE_CANCELLING,
    }
)
"""States of an accepted order whose outcome comes later (202)."""


@router.post(
    "/orders",
    response_model=schema.OrderAnswer,
    status_code=201,
    summary="Place an order: price, reserve, pay and confirm it, or undo all steps",
    response_description="The order is confirmed",
    responses={202: {"model": schema.OrderAnswer, "description": "The order is accepted; its payment is open"}},
    openapi_extra=CHANGES,
)
@options(deadline_s=PLACE_DEADLINE_S)
async def place_order(call: Call, body: schema.PlaceOrder) -> Answer:
    request = pb.PlaceOrderRequest(
        request_id=call.mutation_id("ord"),
        lines=[
            pb.PlaceOrderLine(sku=line.sku, quantity=line.quantity, location=line.location or "") for line in body.lines
        ],
        customer=order_messages.customer_message(body.customer),
        codes=body.codes,
        currency=body.currency,
        channel=body.channel,
        payment=pb.PaymentMethod(provider=body.payment.provider, token=body.payment.token),
    )
    response = await call.rpc(call.clients.orders.PlaceOrder, request)
    status = 202 if response.order.state in UNFINISHED else 201
    return Answer(order_messages.to_rest(response.order), status, replayed(response.replayed))


@router.get("/orders", response_model=schema.OrderListAnswer, summary="List orders, newest first")
@options(
    rest_names={
        "state": "status",
        "customer_id": "customer",
        "create_time_from": "from",
        "create_time_to": "to",
    }
)
async def list_orders(call: Call, query: Annotated[schema.OrderQuery, Query()]) -> Answer:
    request = pb.ListOrdersRequest(page_size=query.page_size, page_token=query.page_token, customer_id=query.customer)
    if query.status is not None:
        request.state = Order.State.Value(f"STATE_{query.status}")
    if query.placed_from is not None:
        request.create_time_from.FromDatetime(query.placed_from)
    if query.placed_to is not None:
        request.create_time_to.FromDatetime(query.placed_to)
    response = await call.rpc(call.clients.orders.ListOrders, request)
    page: schema.OrderListAnswer = {
        "orders": [order_messages.to_rest(order) for order in response.orders],
        "next_page_token": response.next_page_token,
    }
    return Answer(page)


@router.get("/orders/{order_id}", response_model=schema.OrderWithHistoryAnswer, summary="Read an order and its history")
async def get_order(call: Call, order_id: OrderId) -> Answer:
    response = await call.rpc(call.clients.orders.GetOrder, pb.GetOrderRequest(order_id=order_id))
    return Answer(order_messages.with_history(response.order))


@router.put(
    "/orders/{order_id}/cancel",
    response_model=schema.OrderAnswer,
    summary="Cancel an order",
    response_description="The order is cancelled, or still CONFIRMED if a part of its goods had left: then only the rest"
    " is cancelled",
    responses={
        202: {"model": schema.OrderAnswer, "description": "The order is being cancelled; a required service is down"}
    },
    openapi_extra=CHANGES,
)
@options(deadline_s=PLACE_DEADLINE_S)
async def cancel_order(call: Call, order_id: OrderId, body: schema.CancelOrder) -> Answer:
    request = pb.CancelOrderRequest(request_id=call.mutation_id("req"), order_id=order_id, reason=body.reason)
    response = await call.rpc(call.clients.orders.CancelOrder, request)
    status = 202 if response.order.state in UNFINISHED else 200
    return Answer(order_messages.to_rest(response.order), status)
