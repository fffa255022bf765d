"""REST of customers: what they bought."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from edge.answers import Answer
from edge.call import Call
from edge.routes import messages
from edge.routes.routers import under_v1
from edge.schemas import customers as schema
from gen.promo.v1 import customer_service_pb2 as pb
from gen.promo.v1.purchase_pb2 import Purchase

router = under_v1("customers")


@router.get(
    "/customers/{customer_id}/purchases",
    response_model=schema.PurchaseListAnswer,
    summary="List what a customer bought, newest first",
)
async def list_purchases(call: Call, customer_id: str, query: Annotated[schema.PurchaseQuery, Query()]) -> Answer:
    request = pb.GetPurchaseHistoryRequest(
        customer_id=customer_id, page_size=query.page_size, page_token=query.page_token
    )
    response = await call.rpc(call.clients.customers.GetPurchaseHistory, request)
    page: schema.PurchaseListAnswer = {
        "purchases": [_purchase(purchase) for purchase in response.purchases],
        "next_page_token": response.next_page_token,
    }
    return Answer(page)


def _purchase(purchase: Purchase) -> schema.PurchaseAnswer:
    return {
        "order_id": purchase.order_id,
        "sku": purchase.sku,
        "quantity": purchase.quantity,
        "total": messages.money(purchase.total),
        "purchased_at": messages.instant(purchase.purchase_time),
        "cancelled_at": messages.instant(purchase.cancel_time),
    }
