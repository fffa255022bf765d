"""Lots: which may leave, and in which order (first expired, first out)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class LotStock:
    """Units of one lot in one location; `expired` once they count as unavailable."""

    lot: str
    on_hand: int
    manufactured: date | None = None
    expires: date | None = None
    expired: bool = False


def is_usable(lot: LotStock, today: date) -> bool:
    """Usable through the expiry date, in the location's time zone; `today` is the date there."""
    return not lot.expired and (lot.expires is None or today <= lot.expires)


def fefo(lots: list[LotStock]) -> list[LotStock]:
    """First to expire first; lots that never expire last; then by number, so that the order is the same every time."""
    return sorted(lots, key=lambda lot: (lot.expires or date.max, lot.lot))


def pick(lots: list[LotStock], quantity: int, today: date) -> list[tuple[str, int]]:
    """The units that leave, as (lot, units); fewer than `quantity` when too few are usable."""
    picks = []
    for lot in fefo(lots):
        part = min(quantity, lot.on_hand)
        if part > 0 and is_usable(lot, today):
            picks.append((lot.lot, part))
            quantity -= part
    return picks


def remove(lots: list[LotStock], quantity: int) -> list[tuple[LotStock, int]]:
    """The units that a count without a lot removes: from the unnamed lot first, then from the first to expire."""
    removed = []
    for lot in sorted(fefo(lots), key=lambda lot: lot.lot != ""):
        part = min(quantity, lot.on_hand)
        if part > 0:
            removed.append((lot, part))
            quantity -= part
    return removed
