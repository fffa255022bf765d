"""The saga's table, pauses and retry limit; the arithmetic of the sandbox and of prices."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from order_svc.domain import pricing, saga
from order_svc.domain.order import (
    Customer,
    Discount,
    LineDiscount,
    Order,
    OrderRequest,
    PaymentStatus,
    RequestedLine,
    State,
)
from order_svc.domain.saga import Progress

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PRICES = {"A": pricing.SkuPrice("A", "Name", "", "EUR", 500), "B": pricing.SkuPrice("B", "Name", "", "EUR", 1)}
REQUEST = OrderRequest(
    "r", "ord_r", "f", (RequestedLine("A", 2), RequestedLine("B", 1)), Customer("c", ""), (), "EUR", "web", "p", "t"
)
QUOTE = pricing.Quote(((LineDiscount("x", 100),), ()), (Discount("x", "X", "", 100),), ())


def order(state: State, status: PaymentStatus = PaymentStatus.NONE, attempts: int = 0) -> Order:
    priced = pricing.priced(REQUEST, PRICES, QUOTE, NOW)
    return replace(priced, state=state, attempts=attempts, payment=replace(priced.payment, status=status))


def test_every_state_but_the_last_leads_somewhere_and_every_state_is_reached() -> None:
    assert set(saga.ALLOWED) == {None, *State}
    reached = set().union(*saga.ALLOWED.values())
    assert reached == set(State)
    assert [state for state, after in saga.ALLOWED.items() if not after] == [State.CANCELLED]


def test_a_change_that_the_table_does_not_have_is_our_bug() -> None:
    with pytest.raises(ValueError, match="no transition from CANCELLED to CONFIRMED"):
        Progress(order(State.CANCELLED), State.CANCELLED, fresh=False).move(State.CONFIRMED, NOW)


def test_retries_go_on_for_about_twenty_minutes() -> None:
    total = sum(saga.pause_s(attempt, 0.5) for attempt in range(1, saga.RETRIES_MOST + 1))
    assert 19 * 60 <= total <= 21 * 60
    assert saga.pause_s(1, 0.0) < 0.5 <= saga.pause_s(1, 0.99)


@pytest.mark.parametrize("status", [PaymentStatus.PENDING, PaymentStatus.ACTION_REQUIRED, PaymentStatus.AUTHORIZED])
@pytest.mark.parametrize("state", [State.AUTHORIZING, State.CANCELLING, State.CANCELLED])
def test_nobody_stops_asking_while_money_may_be_held(state: State, status: PaymentStatus) -> None:
    assert not saga.gives_up(order(state, status, attempts=10_000))


@pytest.mark.parametrize("state", [State.PRICED, State.AUTHORIZED, State.CANCELLING])
def test_without_money_at_stake_retries_end(state: State) -> None:
    assert saga.gives_up(order(state, PaymentStatus.VOIDED, attempts=saga.RETRIES_MOST))
    assert not saga.gives_up(order(state, PaymentStatus.VOIDED, attempts=saga.RETRIES_MOST - 1))


def test_an_order_takes_the_quotes_discounts_line_by_line() -> None:
    priced = order(State.NEW)
    assert [(line.subtotal_minor, line.discount_minor, line.total_minor) for line in priced.lines] == [
        (1000, 100, 900),
        (1, 0, 1),
    ]
    assert (priced.subtotal_minor, priced.discount_minor, priced.total_minor) == (1001, 100, 901)


@pytest.mark.parametrize(
    ("line_discounts", "applied"),
    [
        (((LineDiscount("x", 1001),), ()), (Discount("x", "X", "", 1001),)),
        (((LineDiscount("x", -1),), ()), (Discount("x", "X", "", -1),)),
        (((LineDiscount("x", 100),), ()), (Discount("x", "X", "", 99),)),
    ],
)
def test_a_quote_whose_numbers_cannot_be_right_is_never_sold_at(
    line_discounts: tuple[tuple[LineDiscount, ...], ...], applied: tuple[Discount, ...]
) -> None:
    with pytest.raises(ValueError, match="discount"):
        pricing.priced(REQUEST, PRICES, pricing.Quote(line_discounts, applied, ()), NOW)
