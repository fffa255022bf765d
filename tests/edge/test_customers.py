"""Customers over REST: their purchases and their notices."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from grpc import StatusCode

from chassis import errors
from chassis.errors import ServiceError
from gen.common.v1.money_pb2 import Money
from gen.promo.v1 import customer_service_pb2 as pb
from gen.promo.v1.back_in_stock_pb2 import BackInStockNotice
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


WAITS = BackInStockNotice(customer_id="shop/7", sku="AB/12", channel="web", email="a@b")
WAITS.request_time.FromJsonString("2026-11-20T10:00:00Z")
SHOWN = {
    "customer_id": "shop/7",
    "sku": "AB/12",
    "channel": "web",
    "email": "a@b",
    "requested_at": "2026-11-20T10:00:00Z",
}


async def test_a_notice_is_asked_for_once_per_key(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("RequestBackInStockNotice", pb.RequestBackInStockNoticeResponse(notice=WAITS, replayed=True))
    body = {"sku": "AB/12", "channel": "web", "email": "a@b"}
    ids = []
    for key in ("one", "one", "two"):
        answer = await rest.post("/v1/customers/shop%2F7/back-in-stock", json=body, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json(), answer.headers["idempotency-replayed"]) == (201, SHOWN, "true")
        catalog, asked = far_side.calls[-2:]
        assert (catalog.method, catalog.request.sku) == ("GetSku", "AB/12")
        assert (asked.request.customer_id, asked.request.sku, asked.request.email) == ("shop/7", "AB/12", "a@b")
        ids.append(asked.request.request_id)
    assert ids[0] == ids[1] != ids[2]


async def test_a_notice_for_a_sku_that_there_is_not_is_refused(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("GetSku", ServiceError(StatusCode.NOT_FOUND, "SKU_NOT_FOUND", "there is no sku X", {"sku": "X"}))
    answer = await rest.post("/v1/customers/c/back-in-stock", json={"sku": "X"})
    assert (answer.status_code, answer.json()["reason"]) == (404, "SKU_NOT_FOUND")
    assert [call.method for call in far_side.calls] == ["GetSku"]


@pytest.mark.parametrize("reason", ["SKU_IN_STOCK", "CUSTOMER_NOTICES_FULL", "SKU_NOTICES_FULL"])
async def test_what_the_rules_refuse_is_a_conflict(rest: httpx.AsyncClient, far_side: FarSide, reason: str) -> None:
    refusal = ServiceError(StatusCode.FAILED_PRECONDITION, reason, "no", {"sku": "A"})
    far_side.answers("RequestBackInStockNotice", refusal)
    answer = await rest.post("/v1/customers/c/back-in-stock", json={"sku": "A"})
    assert (answer.status_code, answer.json()["reason"]) == (409, reason)


async def test_open_notices_are_listed_and_cancelled(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    listed = pb.ListBackInStockNoticesResponse(notices=[WAITS], next_page_token="more")
    far_side.answers("ListBackInStockNotices", listed)
    answer = await rest.get("/v1/customers/shop%2F7/back-in-stock?page_size=1")
    assert answer.json() == {"notices": [SHOWN], "next_page_token": "more"}
    assert far_side.last.request.page_size == 1
    far_side.answers("CancelBackInStockNotice", pb.CancelBackInStockNoticeResponse(cancelled=True))
    answer = await rest.delete("/v1/customers/shop%2F7/back-in-stock/AB%2F12")
    assert answer.json() == {"customer_id": "shop/7", "sku": "AB/12", "cancelled": True}
    asked: Any = far_side.last.request
    assert (asked.customer_id, asked.sku) == ("shop/7", "AB/12")
