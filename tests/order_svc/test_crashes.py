"""order_svc dies at every single call that it makes, before or after it: the worker always reaches a consistent state."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Awaitable, Callable

import grpc
import pytest

from chassis.errors import ServiceError
from gen.order.v1 import order_pb2
from order_svc.domain.errors import DomainError
from tests.order_svc.crashes import Crash, crashing
from tests.order_svc.far_side import ACTIVE, COMMITTED, Wire, lost
from tests.order_svc.shop import Shop, new_id
from tests.order_svc.test_payments import request_that

CALLS_MOST = 40
"""More than any scenario makes; the loops end at the first plan whose call is never reached."""
FAR_CALLS = (
    "ReserveStock",
    "ExtendReservation",
    "CommitReservation",
    "ReleaseReservation",
    "CancelReservation",
    "RedeemPromotions",
    "CommitRedemption",
    "ReleaseRedemption",
)

Scenario = Callable[[Shop], Awaitable[object]]


async def buy(shop: Shop) -> object:
    return await shop.place(codes=["TEN"])


async def buy_too_much(shop: Shop) -> object:
    return await shop.place(lines=[("SERUM", 101)], codes=["TEN"])


async def buy_with_a_used_up_code(shop: Shop) -> object:
    shop.promotions.limits["TEN"] = 0
    return await shop.place(codes=["TEN"])


async def buy_with_a_bad_card(shop: Shop) -> object:
    return await shop.place(codes=["TEN"], token="tok_declined")


async def buy_and_lose_the_answer(shop: Shop) -> object:
    return await shop.place(request_id=request_that(reaches=True), token="tok_timeout", codes=["TEN"])


async def buy_and_lose_the_request(shop: Shop) -> object:
    return await shop.place(request_id=request_that(reaches=False), token="tok_timeout", codes=["TEN"])


async def buy_for_nothing(shop: Shop) -> object:
    return await shop.place(codes=["ALL"])


async def buy_and_confirm_at_the_bank(shop: Shop) -> object:
    order = (await shop.place(codes=["TEN"], token="tok_3ds")).order
    return await shop.report(order.payment.reference)


async def buy_and_cancel(shop: Shop) -> object:
    order = (await shop.place(codes=["TEN"])).order
    return await shop.cancel(order.order_id)


async def buy_and_cancel_at_the_bank(shop: Shop) -> object:
    order = (await shop.place(codes=["TEN"], token="tok_3ds")).order
    return await shop.cancel(order.order_id)


async def buy_and_cancel_when_a_part_has_left(shop: Shop) -> object:
    order = (await shop.place(lines=[("SERUM", 5), ("CREAM", 2)], codes=["TEN"])).order
    shop.inventory.leave(order.order_id, "SERUM", 3)
    return await shop.cancel(order.order_id)


async def buy_and_cancel_when_a_part_of_what_is_paid_has_left(shop: Shop) -> object:
    order = (await shop.place(lines=[("SERUM", 5)], codes=["TEN"])).order
    await shop.execute("UPDATE sandbox_payments SET status = 'CAPTURED' WHERE order_id = %s", order.order_id)
    shop.inventory.leave(order.order_id, "SERUM", 1)
    return await shop.cancel(order.order_id)


SCENARIOS: list[Scenario] = [
    buy,
    buy_too_much,
    buy_with_a_used_up_code,
    buy_with_a_bad_card,
    buy_and_lose_the_answer,
    buy_and_lose_the_request,
    buy_for_nothing,
    buy_and_confirm_at_the_bank,
    buy_and_cancel,
    buy_and_cancel_at_the_bank,
    buy_and_cancel_when_a_part_has_left,
    buy_and_cancel_when_a_part_of_what_is_paid_has_left,
]


async def settle(shop: Shop) -> None:
    """The worker does all due work; orders that wait for the bank get its approval, as webhooks are repeated."""
    await shop.resume()
    for (reference,) in await shop.rows("SELECT reference FROM sandbox_payments WHERE status = 'ACTION_REQUIRED'"):
        await shop.report(reference)
    await shop.resume()


async def attempt(shop: Shop, scenario: Scenario) -> None:
    """Runs it; the result for its caller does not matter."""
    shop.direct = True
    with contextlib.suppress(ServiceError, DomainError, Crash, grpc.aio.AioRpcError):
        await scenario(shop)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_a_crash_at_any_call_leaves_nothing_that_does_not_add_up(
    shop: Shop, scenario: Scenario, after: bool
) -> None:
    for at in range(1, CALLS_MOST):
        with crashing(at, after) as plan:
            await attempt(shop, scenario)
        await shop.start()
        await settle(shop)
        await shop.audit()
        if not plan.crashed:
            assert at > 4, "the scenario made too few calls"
            return
    raise AssertionError("the scenario never completed")


@pytest.mark.parametrize("scenario", [buy, buy_with_a_bad_card, buy_and_cancel], ids=lambda scenario: scenario.__name__)
async def test_a_second_crash_while_the_first_is_repaired_changes_nothing(shop: Shop, scenario: Scenario) -> None:
    for first in range(4, 12, 2):
        for second in range(1, 9, 2):
            with crashing(first, after=True):
                await attempt(shop, scenario)
            await shop.start()
            with crashing(second, after=bool(second % 4 == 1)):
                with contextlib.suppress(Crash):
                    await shop.resume()
            await shop.start()
            await settle(shop)
            await shop.audit()


def no_answer(wire: Wire, name: str) -> None:
    wire.after[name] = [lost()] * 2


def not_reached(wire: Wire, name: str) -> None:
    wire.before[name] = [lost()] * 2


def down(wire: Wire, name: str) -> None:
    wire.before[name] = [lost()] * 10_000


def refused(wire: Wire, name: str) -> None:
    reason = "REDEMPTION_EXPIRED" if "Redemption" in name or "Promotions" in name else "RESERVATION_EXPIRED"
    error = ServiceError(grpc.StatusCode.FAILED_PRECONDITION, reason, "told to")
    wire.before[name] = [error]


def broken(wire: Wire, name: str) -> None:
    wire.before[name] = [ServiceError(grpc.StatusCode.INTERNAL, "INTERNAL", "told to")]


@pytest.mark.parametrize("fault", [no_answer, not_reached, down, refused, broken], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("name", FAR_CALLS)
async def test_any_failure_of_any_call_leaves_nothing_that_does_not_add_up(
    shop: Shop, name: str, fault: Callable[[Wire, str], None]
) -> None:
    wire = shop.promotions.wire if "Redemption" in name or "Promotions" in name else shop.inventory.wire
    for scenario in (buy, buy_with_a_bad_card, buy_and_confirm_at_the_bank, buy_and_cancel):
        fault(wire, name)
        shop.patience_s = 0.5 if fault is down else 5.0
        await attempt(shop, scenario)
        wire.before.clear()
        wire.after.clear()
        await settle(shop)
    await shop.audit()


@pytest.mark.parametrize("seed", range(40))
async def test_random_crashes_and_failures_end_in_a_state_that_adds_up(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    shop.patience_s = 0.5
    for _ in range(4):
        for name in chance.sample(FAR_CALLS, 2):
            wire = shop.promotions.wire if "Redemption" in name or "Promotions" in name else shop.inventory.wire
            chance.choice([no_answer, not_reached])(wire, name)
        with crashing(chance.randrange(1, 15), chance.random() < 0.5):
            await attempt(shop, chance.choice(SCENARIOS))
        await shop.start()
        if chance.random() < 0.5:
            with crashing(chance.randrange(1, 10), chance.random() < 0.5):
                with contextlib.suppress(Crash):
                    await shop.resume()
            await shop.start()
        shop.promotions.limits.clear()
    for wire in (shop.inventory.wire, shop.promotions.wire):
        wire.before.clear()
        wire.after.clear()
    await settle(shop)
    await shop.audit()


async def test_a_crash_after_the_payment_still_gives_the_caller_its_order(shop: Shop) -> None:
    request_id = new_id()
    shop.direct = True
    with crashing(5, after=True), contextlib.suppress(ServiceError, Crash):
        await shop.place(request_id=request_id)
    assert await shop.rows("SELECT status FROM sandbox_payments") == [("AUTHORIZED",)]
    assert await shop.rows("SELECT state FROM orders") == [("PRICED",)]
    await shop.start()
    await shop.resume()
    answer = await shop.place(request_id=request_id)
    assert (answer.order.state, answer.replayed) == (order_pb2.Order.STATE_CONFIRMED, True)
    await shop.audit()


async def test_an_order_whose_sale_a_crash_left_unstored_is_given_back_when_it_is_cancelled(shop: Shop) -> None:
    request_id = new_id()
    shop.direct = True
    with crashing(8, after=True), contextlib.suppress(ServiceError, Crash):
        await shop.place(request_id=request_id, codes=["TEN"])
    ((order_id, state, status),) = await shop.rows("SELECT order_id, state, payment_status FROM orders")
    assert (state, status) == ("PRICED", "PENDING")
    assert shop.inventory.reservations[order_id].state == COMMITTED
    await shop.start()
    await shop.execute("UPDATE orders SET due_at = now()")
    order = await shop.cancel(order_id)
    assert (order.state, order.payment.status) == (order_pb2.Order.STATE_CANCELLED, order_pb2.Payment.STATUS_VOIDED)
    assert shop.inventory.held("SERUM") == 0
    await shop.audit()


async def test_the_intent_to_pay_is_taken_back_when_the_provider_was_certainly_not_asked(shop: Shop) -> None:
    down(shop.inventory.wire, "ReserveStock")
    with pytest.raises(ServiceError):
        await shop.place(within_s=0.5)
    assert await shop.rows("SELECT state, payment_status FROM orders") == [("PRICED", "NONE")]
    shop.inventory.wire.before.clear()
    await shop.resume()
    assert await shop.rows("SELECT state, payment_status FROM orders") == [("CONFIRMED", "AUTHORIZED")]
    await shop.audit()


async def reserved_and_died(shop: Shop) -> str:
    """An order whose process died right after its goods were reserved; the id."""
    shop.direct = True
    with crashing(4, after=True), contextlib.suppress(ServiceError, Crash):
        await shop.place()
    [(order_id, state)] = await shop.rows("SELECT order_id, state FROM orders")
    assert (state, shop.inventory.reservations[order_id].state) == ("PRICED", ACTIVE)
    await shop.start()
    return str(order_id)


async def test_an_order_finds_its_reservation_again_when_claims_hold_another_time_since(shop: Shop) -> None:
    order_id = await reserved_and_died(shop)
    shop.inventory.ttls[order_id] += 60
    await shop.resume()
    assert await shop.rows("SELECT state FROM orders") == [("CONFIRMED",)]
    await shop.audit()


@pytest.mark.parametrize(("owner", "units"), [("cart-7", 2), ("", 2), ("order:", 3)])
async def test_an_order_does_not_take_a_reservation_that_is_not_its_own(shop: Shop, owner: str, units: int) -> None:
    order_id = await reserved_and_died(shop)
    reservation = shop.inventory.reservations[order_id]
    reservation.owner = f"order:{order_id}" if owner == "order:" else owner
    reservation.lines[0].quantity = units
    shop.inventory.ttls[order_id] += 60
    await shop.resume()
    [(state, cause, status)] = await shop.rows("SELECT state, cause, payment_status FROM orders")
    assert (state, cause) in (("CANCELLED", "REQUEST_ID_REUSED"), ("CANCELLING", "REQUEST_ID_REUSED"))
    assert status not in ("AUTHORIZED", "CAPTURED")


def owned_by_an_earlier_release(shop: Shop, order_id: str) -> None:
    """Its reservation is as an earlier release made it, after the migration had renamed the owners of that release."""
    shop.inventory.reservations[order_id].owner = order_id


async def test_an_order_that_an_earlier_release_reserved_for_is_finished(shop: Shop) -> None:
    order_id = await reserved_and_died(shop)
    owned_by_an_earlier_release(shop, order_id)
    await shop.resume()
    assert await shop.rows("SELECT state FROM orders") == [("CONFIRMED",)]
    await shop.audit()


@pytest.mark.parametrize("state", ["RESERVED", "CONFIRMED"])
async def test_an_order_that_an_earlier_release_reserved_for_is_cancelled(shop: Shop, state: str) -> None:
    if state == "CONFIRMED":
        order_id = (await shop.place()).order.order_id
    else:
        order_id = await reserved_and_died(shop)
        await shop.execute("UPDATE orders SET due_at = now()")
    owned_by_an_earlier_release(shop, order_id)
    shop.inventory.wire.after["CancelReservation"] = [lost()]
    assert (await shop.cancel(order_id)).state == order_pb2.Order.STATE_CANCELLED
    assert shop.inventory.held("SERUM") == 0
    await shop.audit()
