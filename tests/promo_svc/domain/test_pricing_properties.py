"""Properties of prices: what must hold for every cart and every set of promotions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from promo_svc.domain.cart import Cart, CartLine
from promo_svc.domain.known import NOTHING_KNOWN
from promo_svc.domain.money import Money
from promo_svc.domain.pricing import amount_off, spread
from promo_svc.domain.promotion import FixedAmount, Percent, Promotion, State
from promo_svc.domain.quoting import quote
from tests.promo_svc.builders import NOW

SKUS = st.sampled_from(["A", "B", "C", "D"])
CATEGORIES = st.sampled_from(["skincare", "skincare/serum", "makeup", ""])
LINES = st.builds(CartLine, SKUS, st.integers(1, 1_000), st.integers(0, 10**6), CATEGORIES)
CARTS = st.builds(
    lambda lines, codes: Cart(tuple(lines), "EUR", codes=tuple(codes)),
    st.lists(LINES, min_size=1, max_size=12),
    st.lists(st.sampled_from(["ONE", "TWO"]), unique=True),
)
DISCOUNTS = st.one_of(
    st.builds(Percent, st.integers(1, 10_000)),
    st.builds(FixedAmount, st.builds(Money, st.just("EUR"), st.integers(1, 10**9))),
)
RULES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["", "", "ONE", "TWO"]),
        "skus": st.lists(SKUS, max_size=2, unique=True).map(tuple),
        "categories": st.lists(st.sampled_from(["skincare", "makeup"]), max_size=1).map(tuple),
        "minimum_amount": st.none() | st.builds(Money, st.just("EUR"), st.integers(1, 10**7)),
        "priority": st.integers(0, 2),
        "exclusive": st.booleans(),
    }
)
PROMOTIONS = st.lists(st.tuples(DISCOUNTS, RULES), max_size=6).map(
    lambda drawn: [
        Promotion(f"p{number}", "P", discount, state=State.ACTIVE, **rules)
        for number, (discount, rules) in enumerate(drawn)
    ]
)


@given(PROMOTIONS, CARTS)
@settings(max_examples=300, deadline=None)
def test_sums_are_exact_and_nothing_falls_below_zero(promotions: list[Promotion], cart: Cart) -> None:
    priced = quote(promotions, cart, NOTHING_KNOWN, NOW)
    assert priced.total_minor == priced.subtotal_minor - priced.discount_minor >= 0
    assert priced.total_minor == sum(line.total_minor for line in priced.lines)
    assert priced.discount_minor == sum(applied.amount_minor for applied in priced.applied)
    for line in priced.lines:
        assert line.total_minor == line.line.subtotal_minor - sum(part.amount_minor for part in line.discounts) >= 0
        assert all(part.amount_minor > 0 for part in line.discounts)
    for applied in priced.applied:
        assert applied.amount_minor == sum(
            part.amount_minor
            for line in priced.lines
            for part in line.discounts
            if part.promotion_id == applied.promotion_id
        )


@given(PROMOTIONS, CARTS, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_of_the_promotions_given_does_not_matter(
    promotions: list[Promotion], cart: Cart, random: object
) -> None:
    shuffled = list(promotions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert quote(shuffled, cart, NOTHING_KNOWN, NOW) == quote(promotions, cart, NOTHING_KNOWN, NOW)


@given(PROMOTIONS, CARTS)
@settings(max_examples=200, deadline=None)
def test_every_candidate_is_either_applied_or_explained(promotions: list[Promotion], cart: Cart) -> None:
    priced = quote(promotions, cart, NOTHING_KNOWN, NOW)
    candidates = [
        promotion.promotion_id for promotion in promotions if not promotion.code or promotion.code in cart.codes
    ]
    told = [applied.promotion_id for applied in priced.applied]
    told += [skipped.promotion_id for skipped in priced.skipped if skipped.promotion_id]
    assert sorted(told) == sorted(candidates)


@given(PROMOTIONS, CARTS)
@settings(max_examples=200, deadline=None)
def test_no_single_exclusive_promotion_would_have_been_better(promotions: list[Promotion], cart: Cart) -> None:
    priced = quote(promotions, cart, NOTHING_KNOWN, NOW)
    for promotion in promotions:
        assert (
            quote([promotion], cart, NOTHING_KNOWN, NOW).discount_minor <= priced.discount_minor
            or not promotion.exclusive
        )


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=100), st.integers(0, 10_000))
@settings(max_examples=500, deadline=None)
def test_shares_are_exact_and_within_one_minor_unit_of_their_exact_value(left: list[int], bps: int) -> None:
    amount = amount_off(Percent(bps), sum(left)) if bps else 0
    shares = spread(amount, left)
    assert sum(shares) == amount
    for share, part in zip(shares, left, strict=True):
        assert 0 <= share <= part
        if sum(left):
            assert abs(share - Fraction(amount * part, sum(left))) < 1


def test_half_a_minor_unit_rounds_up() -> None:
    assert [amount_off(Percent(1_000), base) for base in (4, 5, 14, 15)] == [0, 1, 1, 2]


def test_equal_remainders_go_to_the_earlier_line() -> None:
    assert spread(2, [1, 1, 1]) == [1, 1, 0]


def test_a_fixed_amount_never_takes_more_than_the_lines_cost() -> None:
    assert amount_off(FixedAmount(Money("EUR", 5_000)), 1_999) == 1_999
