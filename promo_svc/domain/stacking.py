"""Which promotions apply together: the joint ones in order of priority, or one exclusive promotion if it gives more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from promo_svc.domain import conditions, pricing
from promo_svc.domain.cart import Cart
from promo_svc.domain.money import Money
from promo_svc.domain.promotion import Promotion
from promo_svc.domain.quote import Reason, Skipped

MOST_APPLIED = 20
"""Most promotions in one quote, so that every quote fits into one redemption."""


@dataclass(frozen=True, slots=True)
class Step:
    """One applied promotion and its discount on each line of the cart."""

    promotion: Promotion
    shares: tuple[int, ...]
    amount: int


@dataclass(frozen=True, slots=True)
class Combination:
    """Promotions applied in sequence, and those for which no discount was left."""

    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...]
    amount: int


def in_order(promotions: Iterable[Promotion]) -> list[Promotion]:
    """Sorted by descending priority, then by id, so that the order of the input does not matter."""
    return sorted(promotions, key=lambda promotion: (-promotion.priority, promotion.promotion_id))


def best(promotions: Iterable[Promotion], cart: Cart) -> Combination:
    """The larger discount of all joint promotions together or a single exclusive one. On a tie the joint ones win."""
    ordered = in_order(promotions)
    joint = combine([promotion for promotion in ordered if not promotion.exclusive], cart)
    alone = [combine([promotion], cart) for promotion in ordered if promotion.exclusive]
    # max() keeps the first of equals, which has the highest priority.
    strongest = max(alone, key=lambda combination: combination.amount, default=joint)
    if strongest.amount <= joint.amount:
        return _joint_wins(joint, alone, cart)
    return _exclusive_wins(strongest, alone, [promotion for promotion in ordered if not promotion.exclusive], cart)


def combine(ordered: list[Promotion], cart: Cart) -> Combination:
    """Applies each promotion to what the previous ones left."""
    left = list(cart.subtotals)
    steps: list[Step] = []
    skipped: list[Skipped] = []
    for promotion in ordered:
        lines = conditions.eligible_lines(promotion, cart)
        amount = pricing.amount_off(promotion.discount, sum(left[line] for line in lines))
        if amount == 0:
            skipped.append(_nothing_taken(promotion, lines, left, steps))
        elif len(steps) == MOST_APPLIED:
            skipped.append(_over(promotion, steps[-1]))
        else:
            steps.append(_take(promotion, lines, amount, left))
    return Combination(tuple(steps), tuple(skipped), sum(step.amount for step in steps))


def _take(promotion: Promotion, lines: tuple[int, ...], amount: int, left: list[int]) -> Step:
    shares = [0] * len(left)
    for line, share in zip(lines, pricing.spread(amount, [left[line] for line in lines]), strict=True):
        shares[line] = share
        left[line] -= share
    return Step(promotion, tuple(shares), amount)


def _nothing_taken(promotion: Promotion, lines: tuple[int, ...], left: list[int], steps: list[Step]) -> Skipped:
    takers = [step for step in steps if any(step.shares[line] for line in lines)]
    if not takers or any(left[line] for line in lines):
        return conditions.skipped(promotion, Reason.NO_EFFECT)
    most = max(takers, key=lambda step: sum(step.shares[line] for line in lines))
    return _because_of(promotion, Reason.LOWER_VALUE_THAN, most.promotion)


def _over(promotion: Promotion, last: Step) -> Skipped:
    have, want = str(MOST_APPLIED + 1), f"at most {MOST_APPLIED}"
    return _because_of(promotion, Reason.EXCLUDED_BY, last.promotion, "promotions", have, want)


def _joint_wins(joint: Combination, alone: list[Combination], cart: Cart) -> Combination:
    losers = [_weaker(combination, joint, cart) for combination in alone]
    return Combination(joint.steps, (*joint.skipped, *losers), joint.amount)


def _exclusive_wins(winner: Combination, alone: list[Combination], others: list[Promotion], cart: Cart) -> Combination:
    strongest = winner.steps[0].promotion
    losers = [_weaker(combination, winner, cart) for combination in alone if combination is not winner]
    excluded = [_because_of(promotion, Reason.EXCLUDED_BY, strongest, "exclusive") for promotion in others]
    return Combination(winner.steps, (*losers, *excluded), winner.amount)


def _weaker(loser: Combination, winner: Combination, cart: Cart) -> Skipped:
    """Why an exclusive promotion lost; if it would give no discount anyway, only that is reported."""
    if not loser.steps:
        return loser.skipped[0]
    strongest = max(winner.steps, key=lambda step: step.amount)
    have, want = Money(cart.currency, loser.amount), Money(cart.currency, winner.amount)
    promotion = loser.steps[0].promotion
    return _because_of(promotion, Reason.LOWER_VALUE_THAN, strongest.promotion, "exclusive", have, want)


def _because_of(
    promotion: Promotion,
    reason: Reason,
    other: Promotion,
    node: str = "",
    have: Money | str = "",
    want: Money | str = "",
) -> Skipped:
    return Skipped(promotion.promotion_id, promotion.code, reason, node, have, want, other.promotion_id)
