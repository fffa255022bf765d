"""PlaceOrder from the outside: its answers, its rows and its remaining claims."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from chassis import client
from chassis.errors import ServiceError
from gen.order.v1 import events_pb2, order_pb2
from order_svc.app import runs
from tests.order_svc.far_side import lost
from tests.order_svc.shop import Shop, basket, new_id

Order = order_pb2.Order


async def refusal(shop: Shop, **fields: Any) -> ServiceError:
    """The error with which PlaceOrder is refused."""
    with pytest.raises(ServiceError) as caught:
        await shop.place(**fields)
    return caught.value


async def test_a_good_order_is_confirmed_and_everything_is_committed(shop: Shop) -> None:
    answer = await shop.place(lines=[("SERUM", 2), ("CREAM", 1)], codes=["TEN"])
    order = answer.order
    assert order.state == Order.STATE_CONFIRMED
    assert not answer.replayed
    amounts = (order.subtotal.amount_minor, order.discount_total.amount_minor, order.total.amount_minor)
    assert amounts == (3599, 360, 3239)
    assert order.payment.status == order_pb2.Payment.STATUS_AUTHORIZED
    assert [(line.sku, line.total_minor) for line in order.lines] == [("SERUM", 2340), ("CREAM", 899)]
    assert order.lines[0].allocations[0].location == "berlin"
    assert shop.inventory.ttls[order.order_id] == 900
    await shop.audit()


async def test_a_good_order_costs_two_commits_and_tells_of_each(shop: Shop) -> None:
    order = (await shop.place()).order
    assert order.etag == "2"
    told = await shop.rows("SELECT type, key FROM outbox ORDER BY id")
    assert told == [("order.order.placed", order.order_id), ("order.order.confirmed", order.order_id)]


async def test_the_history_names_every_state_with_its_time(shop: Shop) -> None:
    order = await shop.get((await shop.place()).order.order_id)
    states = [Order.State.Name(change.to_state).removeprefix("STATE_") for change in order.history]
    assert states == ["NEW", "PRICED", "RESERVED", "AUTHORIZING", "AUTHORIZED", "CONFIRMED"]
    times = [change.create_time.ToNanoseconds() for change in order.history]
    assert times == sorted(times)


async def test_a_fresh_order_is_not_extended_and_a_code_less_one_asks_promo_for_a_quote_only(shop: Shop) -> None:
    await shop.place()
    assert shop.inventory.wire.calls == ["BatchGetSkus", "ReserveStock", "CommitReservation"]
    assert shop.promotions.wire.calls == ["QuotePromotions"]


async def test_the_event_in_the_outbox_is_the_protos_own_json(shop: Shop) -> None:
    address = {"recipient": "Ada", "lines": ["1 Main St"], "city": "Bonn", "country": "DE"}
    customer = json_format.ParseDict({"id": "c1", "email": "ada@example.com", "address": address}, order_pb2.Customer())
    order = (await shop.place(codes=["TEN"], customer=customer)).order
    ((payload,),) = await shop.rows("SELECT payload::text FROM outbox WHERE type = 'order.order.confirmed'")
    told = json_format.Parse(payload, events_pb2.OrderChanged())
    assert told == events_pb2.OrderChanged(order=order, previous_state=Order.STATE_PRICED)
    assert '"amount_minor": "2340"' in payload


async def test_a_repeat_answers_the_same_order(shop: Shop) -> None:
    request_id = new_id()
    first = await shop.place(request_id=request_id)
    shop.promotions.wire.before["QuotePromotions"] = [lost()] * 1000  # an accepted order needs no more calls
    second = await shop.place(request_id=request_id)
    assert second.replayed
    assert second.order == first.order
    assert shop.inventory.held("SERUM") == 2


async def test_the_same_request_id_with_another_body_is_refused(shop: Shop) -> None:
    request_id = new_id()
    await shop.place(request_id=request_id)
    error = await refusal(shop, request_id=request_id, lines=[("SERUM", 3)])
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


async def test_twins_at_the_same_instant_make_one_order(shop: Shop) -> None:
    request_id = new_id()
    answers = await asyncio.gather(*(shop.place(request_id=request_id) for _ in range(20)))
    assert len({answer.order.order_id for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19
    assert shop.inventory.held("SERUM") == 2
    await shop.audit()


async def test_a_twin_in_another_process_waits_for_the_first(shop: Shop) -> None:
    request_id = new_id()
    shop.inventory.wire.held["ReserveStock"] = gate = asyncio.Event()
    first = asyncio.create_task(shop.place(request_id=request_id))
    await shop.inventory.wire.called("ReserveStock")
    async with shop.sibling() as other:
        second = asyncio.create_task(client.call(other.PlaceOrder, basket(request_id=request_id)))
        await shop.promotions.wire.called("QuotePromotions", times=2)
        gate.set()
        assert (await second).replayed
    assert not (await first).replayed
    assert shop.inventory.wire.calls.count("ReserveStock") == 1


async def test_too_little_stock_is_refused_with_inventorys_numbers_and_nothing_stays(shop: Shop) -> None:
    request_id = new_id()
    error = await refusal(shop, request_id=request_id, lines=[("CREAM", 1), ("SERUM", 101)])
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    assert error.metadata["lines[1].available"] == "100"
    assert shop.inventory.wire.calls == ["BatchGetSkus", "ReserveStock"]
    assert await shop.rows("SELECT state, cause, version FROM orders") == [("CANCELLED", "INSUFFICIENT_STOCK", 2)]
    shop.inventory.stock["SERUM"] = 1000
    again = await refusal(shop, request_id=request_id, lines=[("CREAM", 1), ("SERUM", 101)])
    marked = {**error.metadata, "replayed": "true"}
    assert (again.code, again.reason, again.metadata) == (error.code, error.reason, marked)
    await shop.audit()


async def test_a_declined_payment_leaves_nothing_claimed(shop: Shop) -> None:
    error = await refusal(shop, token="tok_declined", codes=["TEN"])
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_DECLINED")
    assert error.metadata["decline_code"] == "card_declined"
    order = await shop.get(error.metadata["order_id"])
    assert (order.state, order.payment.status) == (Order.STATE_CANCELLED, order_pb2.Payment.STATUS_DECLINED)
    assert shop.inventory.held("SERUM") == 0
    assert shop.promotions.used("TEN") == 0
    await shop.audit()


async def test_a_code_that_does_not_apply_is_refused_before_anything_is_claimed(shop: Shop) -> None:
    request_id = new_id()
    error = await refusal(shop, request_id=request_id, codes=["NOPE"])
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CODE_NOT_APPLICABLE")
    order_id = error.metadata["order_id"]
    assert error.metadata == {"code": "NOPE", "why": "CODE_UNKNOWN", "order_id": order_id}
    assert (await shop.get(order_id)).state == Order.STATE_CANCELLED
    assert "ReserveStock" not in shop.inventory.wire.calls
    shop.promotions.codes["NOPE"] = 500
    assert (await refusal(shop, request_id=request_id, codes=["NOPE"])).reason == "CODE_NOT_APPLICABLE"
    assert await shop.rows("SELECT state FROM orders") == [("CANCELLED",)]
    await shop.audit()


async def test_a_code_that_gives_less_than_what_applies_anyway_stays_unused(shop: Shop) -> None:
    shop.promotions.skips["FIVE"] = 10  # REASON_LOWER_VALUE_THAN
    order = (await shop.place(codes=["TEN", "FIVE"])).order
    assert order.state == Order.STATE_CONFIRMED
    assert list(order.skipped_promotions) == ["FIVE: LOWER_VALUE_THAN"]


async def test_codes_are_taken_as_they_are_typed(shop: Shop) -> None:
    order = (await shop.place(codes=[" TEN ", "  "])).order
    assert (list(order.codes), order.discount_total.amount_minor) == (["TEN"], 260)


async def test_a_line_may_name_the_location_it_is_taken_from(shop: Shop) -> None:
    order = (await shop.place(place="hamburg")).order
    assert [part.location for part in order.lines[0].allocations] == ["hamburg"]


async def test_losing_the_race_for_a_codes_last_use_gives_the_stock_back(shop: Shop) -> None:
    shop.promotions.limits["TEN"] = 1
    await shop.place(codes=["TEN"])
    error = await refusal(shop, codes=["TEN"])
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "USAGE_LIMIT")
    assert shop.inventory.held("SERUM") == 2
    await shop.audit()


async def test_an_order_that_costs_nothing_asks_no_provider(shop: Shop) -> None:
    order = (await shop.place(codes=["ALL"], token="tok_declined")).order
    assert (order.state, order.total.amount_minor) == (Order.STATE_CONFIRMED, 0)
    assert order.payment.status == order_pb2.Payment.STATUS_NONE
    assert await shop.rows("SELECT 1 FROM sandbox_payments") == []
    await shop.audit()


async def test_a_short_failure_of_a_dependency_is_not_seen_by_the_caller(shop: Shop) -> None:
    for wire, names in (
        (shop.inventory.wire, ("BatchGetSkus", "ReserveStock", "CommitReservation")),
        (shop.promotions.wire, ("QuotePromotions", "RedeemPromotions", "CommitRedemption")),
    ):
        for name in names:
            wire.before[name], wire.after[name] = [lost()], [lost()]
    assert (await shop.place(codes=["TEN"])).order.state == Order.STATE_CONFIRMED
    assert shop.inventory.held("SERUM") == 2
    await shop.audit()


async def test_while_a_dependency_is_down_the_caller_is_told_and_the_worker_finishes_the_order(shop: Shop) -> None:
    request_id = new_id()
    shop.inventory.wire.before["ReserveStock"] = [lost()] * 1000
    error = await refusal(shop, request_id=request_id, within_s=0.6)
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    assert error.metadata["dependency"] == "inventory"
    assert error.retry_after_ms is not None
    shop.inventory.wire.before.clear()
    await shop.resume()
    answer = await shop.place(request_id=request_id)
    assert (answer.order.state, answer.replayed) == (Order.STATE_CONFIRMED, True)
    assert "ExtendReservation" in shop.inventory.wire.calls, "a resumed saga extends before it pays"
    await shop.audit()


async def test_a_repeat_takes_up_an_order_that_was_left_without_waiting_for_the_worker(shop: Shop) -> None:
    request_id = new_id()
    shop.inventory.wire.before["ReserveStock"] = [lost()] * 1000
    await refusal(shop, request_id=request_id, within_s=0.6)
    shop.inventory.wire.before.clear()
    assert (await shop.place(request_id=request_id)).order.state == Order.STATE_CONFIRMED
    await shop.audit()


async def test_while_promo_is_down_no_order_is_stored(shop: Shop) -> None:
    shop.promotions.wire.before["QuotePromotions"] = [lost()] * 1000
    error = await refusal(shop, within_s=0.6)
    assert error.reason == "DEPENDENCY_UNAVAILABLE"
    assert error.metadata["dependency"] in (
        "promo",
        "order",
    )  # whichever timeout was first: the call's, or the caller's
    assert await shop.rows("SELECT 1 FROM orders") == []


async def test_a_caller_that_goes_away_does_not_stop_its_order(shop: Shop) -> None:
    shop.inventory.wire.held["ReserveStock"] = gate = asyncio.Event()
    request_id = new_id()
    call = asyncio.create_task(shop.place(request_id=request_id))
    await shop.inventory.wire.called("ReserveStock")
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    gate.set()
    assert (await shop.place(request_id=request_id)).order.state == Order.STATE_CONFIRMED
    assert shop.inventory.wire.calls.count("ReserveStock") == 1
    await shop.audit()


async def test_a_full_house_refuses_before_anything_is_done(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_WAITING", 0)
    error = await refusal(shop)
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert error.retry_after_ms is not None
    assert shop.inventory.wire.calls == []


async def test_five_hundred_buyers_of_fifty_units_make_fifty_orders(shop: Shop) -> None:
    shop.inventory.stock["CREAM"] = 50
    requests = [basket(lines=[("CREAM", 1)]) for _ in range(500)]
    calls = [client.call(shop.orders.PlaceOrder, request, timeout_s=20.0) for request in requests for _ in (1, 2)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    bought = {answer.order.order_id for answer in answers if not isinstance(answer, BaseException)}
    refused = [answer.reason for answer in answers if isinstance(answer, ServiceError)]
    assert len(bought) == 50
    assert refused == ["INSUFFICIENT_STOCK"] * 900
    await shop.audit()
