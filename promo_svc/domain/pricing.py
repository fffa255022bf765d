"""How much a promotion takes off, and from which line. Whole minor units throughout."""

from __future__ import annotations

from collections.abc import Sequence

from promo_svc.domain.promotion import WHOLE_BPS, FixedAmount, Percent


def amount_off(discount: Percent | FixedAmount, left_minor: int) -> int:
    """The discount on lines that still cost `left_minor` together, rounded half up; never more than that."""
    if isinstance(discount, Percent):
        return (left_minor * discount.bps + WHOLE_BPS // 2) // WHOLE_BPS
    return min(discount.money.amount_minor, left_minor)


def spread(amount: int, left: Sequence[int]) -> list[int]:
    """Shares of `amount` in proportion to what is left of each line, by largest remainder; 0 <= amount <= sum(left).

    The shares sum to `amount` exactly, each lies within one minor unit of its exact value, and none exceeds its
    line: an exact share below `left[i]` has a floor of at most `left[i] - 1`, so the unit added to it still fits.
    Equal remainders go to the earlier line.
    """
    whole = sum(left)
    if whole == 0:
        return [0] * len(left)
    shares = [amount * part // whole for part in left]
    missing = amount - sum(shares)
    by_remainder = sorted(range(len(left)), key=lambda i: (-(amount * left[i] % whole), i))
    for position in by_remainder[:missing]:
        shares[position] += 1
    return shares
