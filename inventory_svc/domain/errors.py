"""The refusals of the inventory's rules, each with a reason and every number that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

MOST_ON_HAND = 1_000_000_000
"""Most units on hand of one level, also the limit of SetStock, so that every level can be set to what it is."""
MOST_LOTS_NAMED = 10
"""Lots listed in one refusal, those that expire first: enough to find the lot in a small message."""


class DomainError(Exception):
    """Base of all refusals; `reason` is a value of inventory.v1.ErrorReason or common.v1.ErrorReason."""

    reason = ""

    def __init__(self, message: str, metadata: Mapping[str, str]) -> None:
        super().__init__(message)
        self.metadata = metadata


class SkuNotFound(DomainError):
    """No such sku; `field` is the path where a request's body names it."""

    reason = "SKU_NOT_FOUND"

    def __init__(self, sku: str, field: str = "") -> None:
        super().__init__(f"there is no sku {sku}", {"sku": sku, **_at(field)})


class LocationNotFound(DomainError):
    """No such location; `field` is the path where a request's body names it."""

    reason = "LOCATION_NOT_FOUND"

    def __init__(self, location: str, field: str = "") -> None:
        super().__init__(f"there is no location {location}", {"location": location, **_at(field)})


class LotNotFound(DomainError):
    """No such lot of that sku in that location."""

    reason = "LOT_NOT_FOUND"

    def __init__(self, sku: str, lot: str) -> None:
        super().__init__(f"there is no lot {lot or '(unnamed)'} of {sku} in that location", {"sku": sku, "lot": lot})


class SkuTaken(DomainError):
    """The sku already exists."""

    reason = "SKU_TAKEN"

    def __init__(self, sku: str) -> None:
        super().__init__(f"sku {sku} already exists", {"sku": sku})


class SkuDiffersOnlyInForm(DomainError):
    """Another sku, stored or in the same batch, differs from this one only in case; `field` is the path of the later one."""

    reason = "SKU_DIFFERS_ONLY_IN_FORM"

    def __init__(self, sku: str, existing: str, field: str = "") -> None:
        message = f"{sku} differs from {existing} only in case: one of them is a mistake"
        super().__init__(message, {"sku": sku, "existing": existing, **_at(field)})


class LocationTaken(DomainError):
    """The location already exists."""

    reason = "LOCATION_TAKEN"

    def __init__(self, location: str) -> None:
        super().__init__(f"location {location} already exists", {"location": location})


class LotDatesDiffer(DomainError):
    """The lot already exists with other dates."""

    reason = "LOT_DATES_DIFFER"

    def __init__(self, lot: str, manufactured: date | None, expires: date | None) -> None:
        known = {"manufacture_date": _day(manufactured), "expiry_date": _day(expires)}
        super().__init__(f"lot {lot} already exists with other dates", {"lot": lot, **known})


class OnHandNegative(DomainError):
    """The change would make on_hand negative."""

    reason = "ON_HAND_NEGATIVE"

    def __init__(self, sku: str, location: str, on_hand: int) -> None:
        metadata = {"sku": sku, "location": location, "on_hand": str(on_hand)}
        super().__init__(f"only {on_hand} of {sku} are on hand in {location}", metadata)


class LotRequired(DomainError):
    """The units there have lot numbers, so a downward correction must name the lot."""

    reason = "LOT_REQUIRED"

    def __init__(self, sku: str, location: str, unnamed: int, lots: Sequence[tuple[str, int]]) -> None:
        metadata = {"sku": sku, "location": location, "field": "lot", "unnamed": str(unnamed), "lots": str(len(lots))}
        for index, (lot, on_hand) in enumerate(lots[:MOST_LOTS_NAMED]):
            metadata[f"lots[{index}].lot"] = lot
            metadata[f"lots[{index}].on_hand"] = str(on_hand)
        named = ", ".join(f"{on_hand} of lot {lot}" for lot, on_hand in lots[:MOST_LOTS_NAMED])
        more = f" and {len(lots) - MOST_LOTS_NAMED} other lots" if len(lots) > MOST_LOTS_NAMED else ""
        message = f"only {unnamed} of {sku} in {location} have no lot number: name the lot; on hand are {named}{more}"
        super().__init__(message, metadata)


class LevelTooHigh(DomainError):
    """The level would exceed the most that any level may have on hand."""

    reason = "LEVEL_TOO_HIGH"

    def __init__(self, sku: str, location: str, on_hand: int, change: int) -> None:
        numbers = {"on_hand": str(on_hand), "change": str(change), "most": str(MOST_ON_HAND)}
        message = f"{on_hand} of {sku} are on hand in {location}: {change} more would exceed {MOST_ON_HAND}"
        super().__init__(message, {"sku": sku, "location": location, **numbers})


class VersionStale(DomainError):
    """It has changed since it was read."""

    reason = "VERSION_STALE"

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(
            f"its version is now {actual}, not {expected}: read it again", {"expected": expected, "actual": actual}
        )


class Shortage(NamedTuple):
    """One line with too little stock; `line` is its index in the caller's basket."""

    line: int
    sku: str
    requested: int
    available: int


class InsufficientStock(DomainError):
    """Too little stock for a basket; nothing of it is taken."""

    reason = "INSUFFICIENT_STOCK"

    def __init__(self, shortages: tuple[Shortage, ...], next_lapse: datetime | None) -> None:
        super().__init__(*_told(shortages, next_lapse))


@lru_cache(maxsize=512)  # a burst of late buyers gets the same refusal thousands of times
def _told(shortages: tuple[Shortage, ...], next_lapse: datetime | None) -> tuple[str, Mapping[str, str]]:
    metadata = {"lines": ",".join(str(short.line) for short in shortages)}
    for short in shortages:
        metadata[f"lines[{short.line}].sku"] = short.sku
        metadata[f"lines[{short.line}].requested"] = str(short.requested)
        metadata[f"lines[{short.line}].available"] = str(short.available)
    if next_lapse is not None:
        metadata["next_lapse_time"] = next_lapse.isoformat().replace("+00:00", "Z")
    first = shortages[0]
    return f"{first.requested} of {first.sku} wanted, {first.available} available", MappingProxyType(metadata)


class ReservationNotFound(DomainError):
    """No such reservation."""

    reason = "RESERVATION_NOT_FOUND"

    def __init__(self, reservation_id: str) -> None:
        super().__init__(f"there is no reservation {reservation_id}", {"reservation_id": reservation_id})


class ReservationEnded(DomainError):
    """It has reached another final state; `reason` says which."""

    def __init__(self, reservation_id: str, state: str) -> None:
        self.reason = f"RESERVATION_{state}"
        super().__init__(f"reservation {reservation_id} is {state.lower()}", {"reservation_id": reservation_id})


class ReservationAborted(DomainError):
    """It was undone before it was complete; its id cannot be used again."""

    reason = "RESERVATION_ABORTED"

    def __init__(self, reservation_id: str) -> None:
        super().__init__(
            f"reservation {reservation_id} was undone before it was complete: use a new request_id",
            {"reservation_id": reservation_id},
        )


class ReservationOwnedByAnother(DomainError):
    """The caller did not name the reservation's owner, and gave no reason to force the change."""

    reason = "RESERVATION_OWNED_BY_ANOTHER"

    def __init__(self, reservation_id: str) -> None:
        super().__init__(
            f"reservation {reservation_id} belongs to another owner: name its owner, or force the change with a reason",
            {"reservation_id": reservation_id},
        )


class ReservationNotCommitted(DomainError):
    """Only committed reservations are fulfilled or cancelled."""

    reason = "RESERVATION_NOT_COMMITTED"

    def __init__(self, reservation_id: str, state: str) -> None:
        super().__init__(
            f"reservation {reservation_id} is {state.lower()}, not committed",
            {"reservation_id": reservation_id, "state": state},
        )


class QuantityNotOpen(DomainError):
    """More units than are still open in a reservation."""

    reason = "QUANTITY_NOT_OPEN"

    def __init__(self, sku: str, location: str, requested: int, is_open: int) -> None:
        metadata = {"sku": sku, "location": location, "requested": str(requested), "open": str(is_open)}
        super().__init__(f"only {is_open} of {sku} in {location} are still open", metadata)


class NoFitLot(DomainError):
    """Too few units may leave: their lots have expired, or fewer are on hand than were promised."""

    reason = "NO_FIT_LOT"

    def __init__(self, sku: str, location: str, fit: int) -> None:
        metadata = {"sku": sku, "location": location, "fit": str(fit)}
        super().__init__(f"only {fit} of {sku} in {location} are on hand and not expired", metadata)


def _day(value: date | None) -> str:
    return "" if value is None else value.isoformat()


def _at(field: str) -> dict[str, str]:
    return {"field": field} if field else {}
