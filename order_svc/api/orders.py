"""order.v1.OrderService."""

from __future__ import annotations

from typing import Any

from chassis.validation import DEFAULT_PAGE
from gen.order.v1 import order_service_pb2 as pb
from gen.order.v1 import order_service_pb2_grpc
from order_svc.api import convert
from order_svc.api.errors import refused
from order_svc.app.cancelling import CancelOrder
from order_svc.app.payment_events import RecordPaymentEvent
from order_svc.app.placing import PlaceOrder
from order_svc.app.reading import ReadOrders
from order_svc.domain.errors import Refused


class OrderServicer(order_service_pb2_grpc.OrderServiceServicer):
    """See the proto for what each method promises."""

    def __init__(
        self, place: PlaceOrder, read: ReadOrders, cancel: CancelOrder, payment_events: RecordPaymentEvent
    ) -> None:
        self._place = place
        self._read = read
        self._cancel = cancel
        self._payment_events = payment_events

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Any) -> pb.PlaceOrderResponse:
        try:
            placed = await self._place.place(convert.order_request(request))
        except Refused as no:
            raise refused(no.refusal) from no
        return pb.PlaceOrderResponse(order=convert.order_message(placed.order), replayed=placed.replayed)

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:
        order, history = await self._read.get(request.order_id)
        return pb.GetOrderResponse(order=convert.order_message(order, history))

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Any) -> pb.ListOrdersResponse:
        size = request.page_size or DEFAULT_PAGE
        orders, token = await self._read.page(convert.list_filter(request), size, request.page_token)
        return pb.ListOrdersResponse(orders=[convert.order_message(order) for order in orders], next_page_token=token)

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> pb.CancelOrderResponse:
        order = await self._cancel.cancel(request.order_id, request.reason or "cancelled")
        return pb.CancelOrderResponse(order=convert.order_message(order))

    async def RecordPaymentEvent(
        self, request: pb.RecordPaymentEventRequest, context: Any
    ) -> pb.RecordPaymentEventResponse:
        order, replayed = await self._payment_events.record(convert.payment_event(request))
        return pb.RecordPaymentEventResponse(order=convert.order_message(order), replayed=replayed)
