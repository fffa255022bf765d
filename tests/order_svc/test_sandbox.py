"""The contract of a payment provider, kept by the sandbox: each part is refunded once, never more than the payment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from order_svc.clients.payments import PaymentProvider
from order_svc.clients.sandbox import Sandbox
from order_svc.domain.order import ProviderPayment
from order_svc.store.sandbox_payments import SandboxPayments
from tests.order_svc.shop import Shop

GiveBack: TypeAlias = Callable[[str, str, int], Awaitable[ProviderPayment]]

AMOUNT = 1000
KEY = "o-1:pay"


@pytest.fixture
async def provider(shop: Shop) -> PaymentProvider:
    """The sandbox with empty books."""
    return Sandbox(SandboxPayments(shop.db))


async def held(provider: PaymentProvider, taken: bool) -> GiveBack:
    """A payment of AMOUNT; returns a function that refunds a part of it."""
    await provider.authorize(KEY, "o-1", AMOUNT, "EUR", "tok_ok")
    if not taken:
        return provider.void_part
    await provider.capture(KEY)
    return provider.refund_part


def standing(payment: ProviderPayment | None) -> tuple[str, int]:
    assert payment is not None
    return str(payment.status), payment.refunded_minor


@pytest.mark.parametrize("taken", [False, True])
async def test_parts_add_up_and_the_last_one_ends_the_payment(provider: PaymentProvider, taken: bool) -> None:
    give_back = await held(provider, taken)
    stands, ended = ("CAPTURED", "REFUNDED") if taken else ("AUTHORIZED", "VOIDED")
    assert standing(await give_back(KEY, "a", 300)) == (stands, 300)
    assert standing(await give_back(KEY, "b", 699)) == (stands, 999)
    assert standing(await give_back(KEY, "c", 1)) == (ended, AMOUNT)
    assert standing(await provider.lookup(KEY)) == (ended, AMOUNT)


@pytest.mark.parametrize("taken", [False, True])
async def test_a_part_is_given_back_once_however_often_it_is_asked(provider: PaymentProvider, taken: bool) -> None:
    give_back = await held(provider, taken)
    answers = await asyncio.gather(*(give_back(KEY, "a", 300) for _ in range(10)))
    assert {one.refunded_minor for one in answers} <= {
        0,
        300,
    }  # an answer that overtakes the first may have the earlier state
    assert standing(await give_back(KEY, "a", 300))[1] == 300


@pytest.mark.parametrize("taken", [False, True])
async def test_many_parts_at_once_give_back_no_more_than_there_is(provider: PaymentProvider, taken: bool) -> None:
    give_back = await held(provider, taken)
    await asyncio.gather(*(give_back(KEY, f"part-{number}", 300) for number in range(6)))
    assert standing(await provider.lookup(KEY))[1] == 900


async def test_a_part_that_was_voided_is_not_refunded_again_after_the_capture(provider: PaymentProvider) -> None:
    await held(provider, taken=False)
    await provider.void_part(KEY, "a", 300)
    await provider.capture(KEY)
    assert standing(await provider.void_part(KEY, "a", 300)) == ("CAPTURED", 300)
    assert standing(await provider.refund_part(KEY, "a", 300)) == ("CAPTURED", 300)


async def test_what_is_taken_is_not_voided_and_what_is_held_is_not_refunded(provider: PaymentProvider) -> None:
    await held(provider, taken=False)
    assert standing(await provider.refund_part(KEY, "a", 300)) == ("AUTHORIZED", 0)
    await provider.capture(KEY)
    assert standing(await provider.void_part(KEY, "a", 300)) == ("CAPTURED", 0)
    assert standing(await provider.refund_part(KEY, "a", 300)) == ("CAPTURED", 300)


@pytest.mark.parametrize("taken", [False, True])
async def test_the_whole_after_a_part_gives_back_the_rest(provider: PaymentProvider, taken: bool) -> None:
    give_back = await held(provider, taken)
    await give_back(KEY, "a", 300)
    after = await (provider.refund(KEY) if taken else provider.void(KEY))
    assert after.refunded_minor == AMOUNT
    assert standing(await give_back(KEY, "b", 300))[1] == AMOUNT


async def test_a_payment_that_never_was_gives_nothing_back(provider: PaymentProvider) -> None:
    assert standing(await provider.void(KEY)) == ("VOIDED", 0)
    assert standing(await provider.authorize(KEY, "o-1", AMOUNT, "EUR", "tok_ok")) == ("VOIDED", 0)
    await provider.authorize("o-2:pay", "o-2", AMOUNT, "EUR", "tok_3ds")
    assert standing(await provider.void("o-2:pay")) == ("VOIDED", 0)
