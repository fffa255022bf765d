"""Routes of orders: the calls to the service, the answers to the caller."""

from __future__ import annotations

import typing

import httpx
import pytest

from edge.schemas import orders as schema
from gen.order.v1 import order_service_pb2 as pb
from gen.order.v1.order_pb2 import Customer, NextAction, Order, OrderDiscount, OrderLine, OrderTransition, Payment
from tests.edge.far_side import FarSide

ADDRESS = {
    "recipient": "Ada",
    "lines": ["Street 1"],
    "city": "Berlin",
    "postal_code": "10115",
    "region": "",
    "country": "DE",
}
BODY = {
    "lines": [{"sku": "SERUM-30", "quantity": 2}, {"sku": "B", "quantity": 1, "location": "berlin"}],
    "customer": {"id": "c1", "email": "c1@example.com", "address": ADDRESS},
    "codes": ["WELCOME10"],
    "currency": "EUR",
    "channel": "web",
    "payment": {"provider": "sandbox", "token": "tok_ok"},
}
MONEY = {"currency": "EUR", "amount_minor": 2599}


def stored(
    state: Order.State.ValueType = Order.STATE_CONFIRMED, payment: Payment.Status.ValueType = Payment.STATUS_AUTHORIZED
) -> Order:
    line = OrderLine(sku="SERUM-30", name="Serum", quantity=2, unit_price_minor=1444, subtotal_minor=2888)
    line.discount_minor, line.total_minor = 289, 2599
    line.allocations.add(location="berlin", quantity=2)
    line.discounts.add(promotion_id="welcome", amount_minor=289)
    order = Order(order_id="ord_1", state=state, lines=[line], channel="web", etag="3", codes=["WELCOME10"])
    discount = OrderDiscount(promotion_id="welcome", name="Welcome", code="WELCOME10")
    discount.amount.currency, discount.amount.amount_minor = "EUR", 289
    order.discounts.append(discount)
    order.total.currency, order.total.amount_minor = "EUR", 2599
    order.customer.CopyFrom(Customer(id="c1", email="c1@example.com"))
    order.payment.CopyFrom(Payment(provider="sandbox", reference="pay_1", status=payment))
    order.create_time.FromJsonString("2026-11-20T10:03:17Z")
    return order


async def test_an_order_is_placed_with_all_it_was_given(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("PlaceOrder", pb.PlaceOrderResponse(order=stored()))
    answer = await rest.post("/v1/orders", json=BODY)
    assert answer.status_code == 201
    request = far_side.last.request
    assert request.request_id.startswith("ord_")
    assert [(line.sku, line.quantity, line.location) for line in request.lines] == [
        ("SERUM-30", 2, ""),
        ("B", 1, "berlin"),
    ]
    assert (request.customer.id, request.customer.email) == ("c1", "c1@example.com")
    assert (request.customer.address.recipient, list(request.customer.address.lines)) == ("Ada", ["Street 1"])
    assert (list(request.codes), request.currency, request.channel) == (["WELCOME10"], "EUR", "web")
    assert (request.payment.provider, request.payment.token) == ("sandbox", "tok_ok")


async def test_an_order_is_shown_with_lines_discounts_and_money(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    kept = stored()
    kept.lines[0].cancelled_quantity, kept.lines[0].refunded_minor, kept.payment.refunded_minor = 1, 1300, 1300
    far_side.answers("PlaceOrder", pb.PlaceOrderResponse(order=kept))
    order = (await rest.post("/v1/orders", json=BODY)).json()
    assert (order["order_id"], order["state"], order["total"]) == ("ord_1", "CONFIRMED", MONEY)
    assert order["lines"] == [
        {
            "sku": "SERUM-30",
            "name": "Serum",
            "quantity": 2,
            "unit_price_minor": 1444,
            "subtotal_minor": 2888,
            "discount_minor": 289,
            "total_minor": 2599,
            "allocations": [{"location": "berlin", "quantity": 2}],
            "discounts": [{"promotion_id": "welcome", "amount_minor": 289}],
            "cancelled_quantity": 1,
            "refunded_minor": 1300,
        }
    ]
    assert order["payment"]["refunded_minor"] == 1300
    amount = {"currency": "EUR", "amount_minor": 289}
    assert order["discounts"] == [{"promotion_id": "welcome", "name": "Welcome", "code": "WELCOME10", "amount": amount}]
    assert order["customer"] == {"id": "c1", "email": "c1@example.com", "address": None}
    assert order["created_at"] == "2026-11-20T10:03:17Z"
    assert "history" not in order


async def test_an_order_whose_payment_is_open_is_accepted_only(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    order = stored(Order.STATE_AUTHORIZING, Payment.STATUS_ACTION_REQUIRED)
    far_side.answers("PlaceOrder", pb.PlaceOrderResponse(order=order))
    answer = await rest.post("/v1/orders", json=BODY)
    assert answer.status_code == 202
    assert answer.json()["state"] == "AUTHORIZING"
    assert answer.json()["payment"] == {
        "provider": "sandbox",
        "reference": "pay_1",
        "status": "ACTION_REQUIRED",
        "decline_code": "",
        "refunded_minor": 0,
        "next_action": None,
    }


async def test_a_payment_that_waits_for_somebody_says_for_what_and_until_when(
    rest: httpx.AsyncClient, far_side: FarSide
) -> None:
    order = stored(Order.STATE_AUTHORIZING, Payment.STATUS_ACTION_REQUIRED)
    action = order.payment.next_action
    action.type, action.description = NextAction.TYPE_CONFIRM_PAYMENT, "Confirm it."
    action.expire_time.FromJsonString("2026-11-20T10:16:17Z")
    far_side.answers("PlaceOrder", pb.PlaceOrderResponse(order=order))
    far_side.answers("GetOrder", pb.GetOrderResponse(order=order))
    placed, read = await rest.post("/v1/orders", json=BODY), await rest.get("/v1/orders/ord_1")
    expected = {
        "type": "CONFIRM_PAYMENT",
        "description": "Confirm it.",
        "url": None,
        "expires_at": "2026-11-20T10:16:17Z",
    }
    assert placed.json()["payment"]["next_action"] == read.json()["payment"]["next_action"] == expected


async def test_placing_an_order_has_more_time_than_other_calls(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    await rest.post("/v1/orders", json=BODY)
    await rest.get("/v1/orders")
    placing, listing = far_side.calls
    assert 10 < placing.remaining_s < 16
    assert listing.remaining_s < 6


async def test_orders_are_listed_by_status_customer_and_dates(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    far_side.answers("ListOrders", pb.ListOrdersResponse(orders=[stored()], next_page_token="n"))
    query = "status=CONFIRMED&customer=c1&from=2026-11-01&to=2026-11-30&page_size=5&page_token=t"
    page = (await rest.get(f"/v1/orders?{query}")).json()
    assert ([order["order_id"] for order in page["orders"]], page["next_page_token"]) == (["ord_1"], "n")
    request = far_side.last.request
    assert (request.state, request.customer_id) == (Order.STATE_CONFIRMED, "c1")
    assert (request.page_size, request.page_token) == (5, "t")
    assert request.create_time_from.ToJsonString() == "2026-11-01T00:00:00Z"
    assert request.create_time_to.ToJsonString() == "2026-12-01T00:00:00Z", "the last day is included"


async def test_order_times_may_carry_a_zone(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    await rest.get("/v1/orders", params={"from": "2026-11-01T10:00:00+02:00", "to": "2026-11-01T10:00:00Z"})
    assert far_side.last.request.create_time_from.ToJsonString() == "2026-11-01T08:00:00Z"
    assert far_side.last.request.create_time_to.ToJsonString() == "2026-11-01T10:00:00Z"
    await rest.get("/v1/orders")
    assert not far_side.last.request.HasField("create_time_from")


async def test_an_order_is_read_with_its_history(rest: httpx.AsyncClient, far_side: FarSide) -> None:
    order = stored()
    step = OrderTransition(from_state=Order.STATE_AUTHORIZED, to_state=Order.STATE_CONFIRMED, cause="committed")
    order.history.append(step)
    far_side.answers("GetOrder", pb.GetOrderResponse(order=order))
    answer = await rest.get("/v1/orders/ord_1")
    assert far_side.last.request.order_id == "ord_1"
    assert answer.json()["history"] == [
        {"from_state": "AUTHORIZED", "to_state": "CONFIRMED", "cause": "committed", "created_at": None}
    ]


@pytest.mark.parametrize(("state", "status"), [("CANCELLED", 200), ("CANCELLING", 202), ("CONFIRMED", 200)])
async def test_an_order_is_cancelled_or_on_the_way_to_it(
    rest: httpx.AsyncClient, far_side: FarSide, state: str, status: int
) -> None:
    far_side.answers("CancelOrder", pb.CancelOrderResponse(order=stored(Order.State.Value(f"STATE_{state}"))))
    answer = await rest.put("/v1/orders/ord_1/cancel", json={"reason": "changed my mind"})
    assert (answer.status_code, answer.json()["state"]) == (status, state)
    assert (far_side.last.request.order_id, far_side.last.request.reason) == ("ord_1", "changed my mind")


def test_every_state_of_the_proto_can_be_asked_for() -> None:
    known = {name.removeprefix("STATE_") for name in Order.State.keys()}  # noqa: SIM118 - an enum wrapper, no dict
    assert set(typing.get_args(schema.State)) == known - {"UNSPECIFIED"}
