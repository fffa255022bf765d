"""Customers over REST: what they bought."""

from __future__ import annotations

import httpx

from chassis import errors
from gen.common.v1.money_pb2 import Money
from gen.promo.v1 import customer_service_pb2 as pb
from gen.promo.v1.purchase_pb2 import Purchase
from tests.edge.far_side import FarSide


async def test_purchases_are_shown_with_their_times_and_the_next_page(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    stands = Purchase(order_id="o-2", sku="SERUM-30", quantity=2, total=Money(currency="EUR", amount_minor=1800))
    stands.purchase_time.FromJsonString("2026-11-20T10:00:00.5Z")
    undone = Purchase(order_id="o-1", sku="LIP", quantity=1, total=Money(currency="EUR", amount_minor=900))
    undone.purchase_time.FromJsonString("2026-11-19T10:00:00Z")
    undone.cancel_time.FromJsonString("2026-11-19T11:00:00Z")
    answer = pb.GetPurchaseHistoryResponse(purchases=[stands, undone], next_page_token="more")
    far_side.answers("GetPurchaseHistory", answer)
    shown = await rest.get("/v1/customers/shop%2F7/purchases?page_size=2&page_token=t")
    asked = far_side.last.request
    assert (asked.customer_id, asked.page_size, asked.page_token) == ("shop/7", 2, "t")
    assert shown.json() == {
        "purchases": [
            {
                "order_id": "o-2",
                "sku": "SERUM-30",
                "quantity": 2,
                "total": {"currency": "EUR", "amount_minor": 1800},
                "purchased_at": "2026-11-20T10:00:00.500000Z",
                "cancelled_at": None,
            },
            {
                "order_id": "o-1",
                "sku": "LIP",
                "quantity": 1,
                "total": {"currency": "EUR", "amount_minor": 900},
                "purchased_at": "2026-11-19T10:00:00Z",
                "cancelled_at": "2026-11-19T11:00:00Z",
            },
        ],
        "next_page_token": "more",
    }


async def test_a_wrong_customer_is_named_by_its_field(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("GetPurchaseHistory", errors.invalid("customer_id", "FIELD_INVALID", "must have fewer"))
    answer = await rest.get(f"/v1/customers/{'x' * 101}/purchases")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "customer_id")
