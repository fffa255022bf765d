"""REST routes of customers: purchases and back-in-stock requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from edge.answers import Answer, replayed
from edge.call import Call
from edge.openapi.headers import CHANGES
from edge.routes import messages
from edge.routes.routers import under_v1
from edge.schemas import customers as schema
from edge.schemas.fields import CustomerId, SkuId
from gen.inventory.v1.catalog_service_pb2 import GetSkuRequest
from gen.promo.v1 import customer_service_pb2 as pb
from gen.promo.v1.back_in_stock_pb2 import BackInStockNotice
from gen.promo.v1.purchase_pb2 import Purchase

router = under_v1("customers")


@router.get(
    "/customers/{customer_id}/purchases",
    response_model=schema.PurchaseListAnswer,
    summary="List a customer's purchases, newest first",
)
async def list_purchases(call: Call, customer_id: CustomerId, query: Annotated[schema.PageQuery, Query()]) -> Answer:
    request = pb.GetPurchaseHistoryRequest(
        customer_id=customer_id, page_size=query.page_size, page_token=query.page_token
    )
    response = await call.rpc(call.clients.customers.GetPurchaseHistory, request)
    page: schema.PurchaseListAnswer = {
        "purchases": [_purchase(purchase) for purchase in response.purchases],
        "next_page_token": response.next_page_token,
    }
    return Answer(page)


@router.post(
    "/customers/{customer_id}/back-in-stock",
    response_model=schema.BackInStockAnswer,
    status_code=201,
    summary="Request a notice when a sku is back in stock",
    openapi_extra=CHANGES,
)
async def request_notice(call: Call, customer_id: CustomerId, body: schema.BackInStock) -> Answer:
    # A mistyped sku would never come back in stock; only inventory knows which skus exist.
    await call.rpc(call.clients.catalog.GetSku, GetSkuRequest(sku=body.sku))
    request = pb.RequestBackInStockNoticeRequest(
        request_id=call.mutation_id("req"),
        customer_id=customer_id,
        sku=body.sku,
        channel=body.channel,
        email=body.email,
    )
    response = await call.rpc(call.clients.customers.RequestBackInStockNotice, request)
    return Answer(_notice(response.notice), 201, replayed(response.replayed))


@router.get(
    "/customers/{customer_id}/back-in-stock",
    response_model=schema.BackInStockListAnswer,
    summary="List a customer's back-in-stock requests",
)
async def list_notices(call: Call, customer_id: CustomerId, query: Annotated[schema.PageQuery, Query()]) -> Answer:
    request = pb.ListBackInStockNoticesRequest(
        customer_id=customer_id, page_size=query.page_size, page_token=query.page_token
    )
    response = await call.rpc(call.clients.customers.ListBackInStockNotices, request)
    page: schema.BackInStockListAnswer = {
        "notices": [_notice(notice) for notice in response.notices],
        "next_page_token": response.next_page_token,
    }
    return Answer(page)


@router.delete(
    "/customers/{customer_id}/back-in-stock/{sku}",
    response_model=schema.BackInStockCancelledAnswer,
    summary="Cancel a back-in-stock request",
    openapi_extra=CHANGES,
)
async def cancel_notice(call: Call, customer_id: CustomerId, sku: SkuId) -> Answer:
    request = pb.CancelBackInStockNoticeRequest(request_id=call.mutation_id("req"), customer_id=customer_id, sku=sku)
    response = await call.rpc(call.clients.customers.CancelBackInStockNotice, request)
    done: schema.BackInStockCancelledAnswer = {
        "customer_id": customer_id,
        "sku": sku,
        "cancelled": response.cancelled,
    }
    return Answer(done, headers=replayed(response.replayed))


def _notice(notice: BackInStockNotice) -> schema.BackInStockAnswer:
    return {
        "customer_id": notice.customer_id,
        "sku": notice.sku,
        "channel": notice.channel,
        "email": notice.email,
        "requested_at": messages.instant(notice.request_time),
    }


def _purchase(purchase: Purchase) -> schema.PurchaseAnswer:
    return {
        "order_id": purchase.order_id,
        "sku": purchase.sku,
        "quantity": purchase.quantity,
        "total": messages.money(purchase.total),
        "purchased_at": messages.instant(purchase.purchase_time),
        "cancelled_at": messages.instant(purchase.cancel_time),
    }
