"""Every promotion that does not apply has a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from promo_svc.domain.cart import Cart
from promo_svc.domain.known import NOTHING_KNOWN, Known
from promo_svc.domain.money import Money
from promo_svc.domain.promotion import Promotion, State
from promo_svc.domain.quote import Reason, Skipped
from promo_svc.domain.quoting import quote
from promo_svc.domain.usage import Uses
from tests.promo_svc.builders import NOW, cart, fixed, percent

SERUM = ("SERUM-30", 2, 1_000, "skincare/serum")
LIPSTICK = ("LIP-RED", 1, 1_500, "makeup/lips")


def the_only_skip(promotion: Promotion, of: Cart, known: Known = NOTHING_KNOWN) -> Skipped:
    result = quote([promotion], of, known, NOW)
    assert result.applied == ()
    assert result.total_minor == result.subtotal_minor
    (skipped,) = result.skipped
    return skipped


@pytest.mark.parametrize(
    ("promotion", "reason", "node"),
    [
        (percent("p", 1_000, state=State.PAUSED), Reason.PAUSED, "state"),
        (percent("p", 1_000, state=State.DRAFT), Reason.PAUSED, "state"),
        (percent("p", 1_000, start_time=NOW + timedelta(seconds=1)), Reason.NOT_STARTED, "start_time"),
        (percent("p", 1_000, end_time=NOW), Reason.EXPIRED, "end_time"),
        (percent("p", 1_000, channels=("pos",)), Reason.CONDITION_FAILED, "channels"),
        (fixed("p", 500, currency="USD"), Reason.CONDITION_FAILED, "fixed_amount.currency"),
        (percent("p", 500, minimum_amount=Money("USD", 1)), Reason.CONDITION_FAILED, "minimum_amount.currency"),
        (percent("p", 1_000, skus=("OTHER",)), Reason.NO_ELIGIBLE_ITEM, "skus"),
        (percent("p", 1_000, categories=("skin",)), Reason.NO_ELIGIBLE_ITEM, "categories"),
        (percent("p", 1_000, minimum_amount=Money("EUR", 2_001)), Reason.CONDITION_FAILED, "minimum_amount"),
        (percent("p", 1_000, customer_limit=1), Reason.CUSTOMER_LIMIT, "customer_limit"),
    ],
)
def test_a_rule_that_does_not_hold_is_named(promotion: Promotion, reason: Reason, node: str) -> None:
    skipped = the_only_skip(promotion, cart(SERUM, channel="web"))
    assert (skipped.reason, skipped.node) == (reason, node)
    assert skipped.have != skipped.want


def test_the_minimum_says_what_the_eligible_lines_come_to() -> None:
    promotion = percent("p", 1_000, categories=("skincare",), minimum_amount=Money("EUR", 3_000))
    skipped = the_only_skip(promotion, cart(SERUM, LIPSTICK))
    assert (skipped.have, skipped.want) == (Money("EUR", 2_000), Money("EUR", 3_000))


def test_an_unknown_code_is_explained_and_a_code_not_presented_is_silent() -> None:
    result = quote([percent("p", 1_000, code="WELCOME10")], cart(SERUM, codes=("NOPE",)), NOTHING_KNOWN, NOW)
    assert result.skipped == (Skipped("", "NOPE", Reason.CODE_UNKNOWN, "code", "NOPE", "the code of a promotion"),)


def test_used_up_in_total_and_by_the_customer() -> None:
    limited = percent("p", 1_000, usage_limit=5, customer_limit=1)
    buyer = cart(SERUM, customer_id="c1")
    assert the_only_skip(limited, buyer, Known(Uses({"p": 5}, {}))).reason is Reason.USAGE_LIMIT
    assert the_only_skip(limited, buyer, Known(Uses({"p": 4}, {"p": 1}))).reason is Reason.CUSTOMER_LIMIT
    assert quote([limited], buyer, Known(Uses({"p": 4}, {})), NOW).discount_minor == 200


def test_a_promotion_that_takes_nothing_has_no_effect() -> None:
    assert the_only_skip(percent("p", 1), cart(("PENNY", 1, 1))).reason is Reason.NO_EFFECT
    assert the_only_skip(fixed("p", 500), cart(("FREE", 1, 0))).reason is Reason.NO_EFFECT


def test_a_promotion_after_one_that_gave_all_there_was_names_it() -> None:
    result = quote(
        [percent("all", 10_000, priority=2), fixed("late", 100, priority=1)], cart(SERUM), NOTHING_KNOWN, NOW
    )
    assert [applied.promotion_id for applied in result.applied] == ["all"]
    (skipped,) = result.skipped
    assert (skipped.reason, skipped.other_promotion_id) == (Reason.LOWER_VALUE_THAN, "all")


def test_a_better_exclusive_promotion_excludes_the_others() -> None:
    promotions = [percent("ten", 1_000), percent("five", 500), percent("best", 3_000, exclusive=True)]
    promotions.append(percent("second", 2_000, exclusive=True))
    result = quote(promotions, cart(SERUM), NOTHING_KNOWN, NOW)
    assert [applied.promotion_id for applied in result.applied] == ["best"]
    assert {skipped.promotion_id: skipped.reason for skipped in result.skipped} == {
        "ten": Reason.EXCLUDED_BY,
        "five": Reason.EXCLUDED_BY,
        "second": Reason.LOWER_VALUE_THAN,
    }
    assert {skipped.other_promotion_id for skipped in result.skipped} == {"best"}


def test_a_weaker_exclusive_promotion_stays_behind_the_combination() -> None:
    promotions = [percent("ten", 1_000), fixed("five", 500), percent("alone", 2_000, exclusive=True)]
    result = quote(promotions, cart(SERUM), NOTHING_KNOWN, NOW)
    assert result.discount_minor == 500 + 150
    (skipped,) = result.skipped
    assert (skipped.promotion_id, skipped.reason, skipped.other_promotion_id) == (
        "alone",
        Reason.LOWER_VALUE_THAN,
        "five",
    )
    assert (skipped.have, skipped.want) == (Money("EUR", 400), Money("EUR", 650))


def test_an_exclusive_promotion_that_fails_its_conditions_excludes_nobody() -> None:
    alone = percent("alone", 9_000, exclusive=True, minimum_amount=Money("EUR", 10_000))
    result = quote([alone, percent("ten", 1_000)], cart(SERUM), NOTHING_KNOWN, NOW)
    assert [applied.promotion_id for applied in result.applied] == ["ten"]
    assert result.skipped[0].reason is Reason.CONDITION_FAILED


def test_conditions_read_the_cart_before_discounts() -> None:
    first = fixed("first", 1_900, priority=5)
    second = percent("second", 1_000, minimum_amount=Money("EUR", 2_000))
    result = quote([first, second], cart(SERUM), NOTHING_KNOWN, NOW)
    assert [applied.promotion_id for applied in result.applied] == ["first", "second"]
    assert result.total_minor == 90


def test_a_quote_never_applies_more_promotions_than_one_redemption_takes() -> None:
    promotions = [fixed(f"p{number:02}", 10) for number in range(21)]
    result = quote(promotions, cart(SERUM), NOTHING_KNOWN, NOW)
    assert len(result.applied) == 20
    assert [(skipped.promotion_id, skipped.reason) for skipped in result.skipped] == [("p20", Reason.EXCLUDED_BY)]


def test_a_code_brings_its_promotion() -> None:
    promotion = replace(percent("welcome", 1_000), code="WELCOME10")
    result = quote([promotion], cart(SERUM, codes=("WELCOME10",)), NOTHING_KNOWN, NOW)
    assert [(applied.code, applied.amount_minor) for applied in result.applied] == [("WELCOME10", 200)]


@pytest.mark.parametrize(
    ("rules", "customer_id", "orders", "have", "want"),
    [
        ({"first_order_only": True}, "c1", 1, "1 earlier", "no earlier order"),
        ({"first_order_only": True}, "", 0, "a guest", "no earlier order"),
        ({"minimum_purchases": 3}, "c1", 2, "2 earlier", "at least 3"),
        ({"minimum_purchases": 3}, "", 0, "a guest", "at least 3"),
    ],
)
def test_a_history_that_does_not_fit_is_told(
    rules: dict[str, Any], customer_id: str, orders: int, have: str, want: str
) -> None:
    skipped = the_only_skip(percent("p", 1_000, **rules), cart(SERUM, customer_id=customer_id), Known(orders=orders))
    assert (skipped.reason, skipped.node) == (Reason.CONDITION_FAILED, next(iter(rules)))
    assert (skipped.have, skipped.want) == (have, want)


@pytest.mark.parametrize(
    ("rules", "orders"), [({"first_order_only": True}, 0), ({"minimum_purchases": 3}, 3), ({"minimum_purchases": 3}, 4)]
)
def test_a_history_that_fits_lets_the_promotion_apply(rules: dict[str, Any], orders: int) -> None:
    buyer = cart(SERUM, customer_id="c1")
    assert quote([percent("p", 1_000, **rules)], buyer, Known(orders=orders), NOW).applied


@pytest.mark.parametrize(
    ("available", "have"),
    [({}, "A: availability unknown"), ({"A": 9, "B": 50}, "A: 9 available"), ({"A": 10}, "B: availability unknown")],
)
def test_stock_that_is_low_is_told_by_sku(available: dict[str, int], have: str) -> None:
    coupled = percent("p", 1_000, stock_skus=("A", "B"), minimum_available=10)
    skipped = the_only_skip(coupled, cart(SERUM), Known(available=available))
    assert (skipped.reason, skipped.node) == (Reason.STOCK_LOW, "stock_skus")
    assert (skipped.have, skipped.want) == (have, "at least 10")


def test_stock_of_exactly_what_is_wanted_is_enough() -> None:
    coupled = percent("p", 1_000, stock_skus=("A", "B"), minimum_available=10)
    assert quote([coupled], cart(SERUM), Known(available={"A": 10, "B": 11}), NOW).applied
