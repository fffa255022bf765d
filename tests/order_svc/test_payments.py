"""Payments whose outcome is not known immediately: timeouts, the customer's bank, late webhooks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta

import grpc
import pytest

from chassis.errors import ServiceError
from gen.order.v1 import order_pb2
from order_svc.api.convert import order_id
from order_svc.clients.sandbox import Sandbox, reaches_provider
from order_svc.domain.errors import Unreachable
from order_svc.domain.order import PaymentStatus, ProviderPayment
from order_svc.domain.pricing import payment_key
from order_svc.store.sandbox_payments import SandboxPayments
from tests.order_svc.shop import PAYMENT_WAIT_S, Shop, new_id

Order, Payment, NextAction = order_pb2.Order, order_pb2.Payment, order_pb2.NextAction


def request_that(reaches: bool) -> str:
    """A request id whose payment, with tok_timeout, reaches the provider or is lost."""
    while True:
        request_id = new_id()
        if reaches_provider(payment_key(order_id(request_id))) is reaches:
            return request_id


async def waiting(shop: Shop) -> order_pb2.Order:
    """An order that waits for the customer's bank."""
    order = (await shop.place(token="tok_3ds", codes=["TEN"])).order
    assert (order.state, order.payment.status) == (Order.STATE_AUTHORIZING, Payment.STATUS_ACTION_REQUIRED)
    return order


async def test_an_order_that_waits_for_the_bank_says_what_to_do_and_until_when(shop: Shop) -> None:
    order = await waiting(shop)
    action = order.payment.next_action
    assert action.type == NextAction.TYPE_CONFIRM_PAYMENT
    assert f"make pay ORDER={order.order_id}" in action.description
    [(deadline,)] = await shop.rows("SELECT payment_deadline FROM orders")
    assert action.expire_time.ToDatetime(UTC) == deadline
    assert not (await shop.place(token="tok_ok")).order.payment.HasField("next_action")


@pytest.mark.parametrize("token", ["tok_ok", "tok_3ds"])
async def test_a_payment_token_is_forgotten_as_soon_as_the_provider_has_answered(shop: Shop, token: str) -> None:
    await shop.place(token=token)
    assert await shop.rows("SELECT payment_token FROM orders") == [("",)]


async def test_the_token_of_a_declined_payment_is_forgotten(shop: Shop) -> None:
    with pytest.raises(ServiceError):
        await shop.place(token="tok_declined")
    assert await shop.rows("SELECT payment_token FROM orders") == [("",)]


async def test_a_timeout_that_reached_the_provider_is_looked_up_and_confirmed(shop: Shop) -> None:
    order = (await shop.place(request_id=request_that(reaches=True), token="tok_timeout")).order
    assert order.state == Order.STATE_CONFIRMED
    assert await shop.rows("SELECT status FROM sandbox_payments") == [("AUTHORIZED",)]
    await shop.audit()


async def test_a_timeout_that_got_lost_is_asked_again_with_the_same_key_and_declined(shop: Shop) -> None:
    with pytest.raises(ServiceError) as caught:
        await shop.place(request_id=request_that(reaches=False), token="tok_timeout")
    assert (caught.value.reason, caught.value.metadata["decline_code"]) == ("PAYMENT_DECLINED", "processing_error")
    assert len(await shop.rows("SELECT 1 FROM sandbox_payments")) == 1
    await shop.audit()


async def test_an_unknown_token_is_declined(shop: Shop) -> None:
    with pytest.raises(ServiceError) as caught:
        await shop.place(token="tok_nonsense")
    assert caught.value.metadata["decline_code"] == "invalid_token"
    await shop.audit()


async def test_the_customers_bank_confirms_and_the_order_goes_on(shop: Shop) -> None:
    order = await waiting(shop)
    answer = await shop.report(order.payment.reference)
    assert (answer.order.state, answer.replayed) == (Order.STATE_CONFIRMED, False)
    states = [change.to_state for change in (await shop.get(order.order_id)).history]
    assert states[-2:] == [Order.STATE_AUTHORIZED, Order.STATE_CONFIRMED]
    await shop.audit()


async def test_the_customers_bank_declines_and_nothing_stays_claimed(shop: Shop) -> None:
    order = await waiting(shop)
    answer = await shop.report(order.payment.reference, "DECLINED")
    assert (answer.order.state, answer.order.cause) == (Order.STATE_CANCELLED, "PAYMENT_DECLINED")
    assert shop.inventory.held("SERUM") == 0
    await shop.audit()


async def test_an_event_is_recorded_once_however_often_it_comes(shop: Shop) -> None:
    order = await waiting(shop)
    answers = await asyncio.gather(*(shop.report(order.payment.reference, event_id="evt-1") for _ in range(10)))
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 9
    again = await shop.report(order.payment.reference, event_id="evt-1")
    assert (again.replayed, again.order.state) == (True, Order.STATE_CONFIRMED)
    assert len(await shop.rows("SELECT 1 FROM payment_events")) == 1
    await shop.audit()


async def test_an_outcome_we_do_not_know_changes_nothing(shop: Shop) -> None:
    order = await waiting(shop)
    answer = await shop.report(order.payment.reference, "UNSPECIFIED")
    assert answer.order.state == Order.STATE_AUTHORIZING
    assert (await shop.report(order.payment.reference)).order.state == Order.STATE_CONFIRMED


async def test_an_event_of_an_unknown_payment_is_refused(shop: Shop) -> None:
    with pytest.raises(ServiceError) as caught:
        await shop.report("pay_nobody")
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "PAYMENT_NOT_FOUND")


async def test_the_worker_leaves_an_order_alone_while_its_bank_may_still_answer(shop: Shop) -> None:
    order = await waiting(shop)
    assert await shop.service.resume.run_once() == 0
    ((within_s,),) = await shop.rows("SELECT extract(epoch FROM due_at - now())::int FROM orders")
    assert PAYMENT_WAIT_S - 5 <= within_s <= PAYMENT_WAIT_S
    assert (await shop.get(order.order_id)).state == Order.STATE_AUTHORIZING


async def test_a_payment_that_is_never_confirmed_is_given_up_and_voided(shop: Shop) -> None:
    order = await waiting(shop)
    shop.clock.ahead = timedelta(seconds=PAYMENT_WAIT_S + 1)
    await shop.resume()
    after = await shop.get(order.order_id)
    assert (after.state, after.cause, after.payment.status) == (
        Order.STATE_CANCELLED,
        "PAYMENT_DECLINED",
        Payment.STATUS_VOIDED,
    )
    late = await shop.report(order.payment.reference)
    assert (late.order.state, late.order.payment.status) == (Order.STATE_CANCELLED, Payment.STATUS_VOIDED)
    await shop.audit()


async def test_a_confirmation_whose_webhook_got_lost_is_found_when_the_wait_ends(shop: Shop) -> None:
    order = await waiting(shop)
    await shop.provider.hear(order.payment.reference, True, "")
    shop.clock.ahead = timedelta(seconds=PAYMENT_WAIT_S + 1)
    await shop.resume()
    assert (await shop.get(order.order_id)).state == Order.STATE_CONFIRMED
    await shop.audit()


class LateBank(Sandbox):
    """Its bank authorizes even voided payments."""

    async def hear(self, reference: str, authorized: bool, decline_code: str) -> ProviderPayment | None:
        payment = await self._ledger.find_reference(reference)
        if payment is None or payment.status is not PaymentStatus.VOIDED:
            return await super().hear(reference, authorized, decline_code)
        await self._ledger.turn(payment.key, (PaymentStatus.VOIDED,), PaymentStatus.AUTHORIZED)
        return replace(payment, status=PaymentStatus.AUTHORIZED)


async def test_money_that_arrives_after_the_order_was_cancelled_is_given_back(shop: Shop) -> None:
    await shop.start(LateBank(SandboxPayments(shop.db)))
    order = await waiting(shop)
    await shop.cancel(order.order_id)
    answer = await shop.report(order.payment.reference)
    assert (answer.order.state, answer.order.payment.status) == (Order.STATE_CANCELLED, Payment.STATUS_VOIDED)
    await shop.audit()


class DeafProvider(LateBank):
    """Accepts payments, but is unreachable for refunds."""

    deaf = True

    async def void(self, key: str) -> ProviderPayment:
        if self.deaf:
            raise Unreachable("payments", "no route")
        return await super().void(key)


async def test_money_held_for_a_cancelled_order_is_never_given_up(shop: Shop) -> None:
    provider = DeafProvider(SandboxPayments(shop.db))
    provider.deaf = False
    await shop.start(provider)
    order = await waiting(shop)
    await shop.cancel(order.order_id)
    provider.deaf = True
    await shop.report(order.payment.reference, within_s=0.6)
    await shop.execute("UPDATE orders SET attempts = 1000")
    await shop.resume()
    assert [saga.order_id for saga in await shop.stuck()] == [order.order_id]
    provider.deaf = False
    await shop.resume()
    await shop.audit()


class CapturedProvider(Sandbox):
    """Captures the money immediately instead of only holding it."""

    async def authorize(self, key: str, order_id: str, amount_minor: int, currency: str, token: str) -> ProviderPayment:
        await super().authorize(key, order_id, amount_minor, currency, token)
        return await self.capture(key)


async def test_money_that_was_taken_is_refunded(shop: Shop) -> None:
    await shop.start(CapturedProvider(SandboxPayments(shop.db)))
    order = (await shop.place()).order
    assert order.payment.status == Payment.STATUS_CAPTURED
    after = await shop.cancel(order.order_id)
    assert (after.state, after.payment.status) == (Order.STATE_CANCELLED, Payment.STATUS_REFUNDED)
    await shop.audit()


class SilentProvider(Sandbox):
    """Authorizes and then never answers again."""

    silent = True

    async def authorize(self, key: str, order_id: str, amount_minor: int, currency: str, token: str) -> ProviderPayment:
        payment = await super().authorize(key, order_id, amount_minor, currency, token)
        self._hush()
        return payment

    async def lookup(self, key: str) -> ProviderPayment | None:
        self._hush()
        return await super().lookup(key)

    def _hush(self) -> None:
        if self.silent:
            raise Unreachable("payments", "no answer")


async def test_while_the_outcome_of_a_payment_is_unknown_the_order_stays_open_and_is_never_given_up(shop: Shop) -> None:
    provider = SilentProvider(SandboxPayments(shop.db))
    await shop.start(provider)
    order = (await shop.place(within_s=0.6)).order
    assert (order.state, order.payment.status) == (Order.STATE_AUTHORIZING, Payment.STATUS_PENDING)
    await shop.execute("UPDATE orders SET attempts = 1000")
    await shop.resume()
    assert (await shop.get(order.order_id)).state == Order.STATE_AUTHORIZING
    provider.silent = False
    await shop.resume()
    assert (await shop.get(order.order_id)).state == Order.STATE_CONFIRMED
    await shop.audit()
