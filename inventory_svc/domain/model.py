"""The nouns: sku, location, level, movement, reservation progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from inventory_svc.domain.lots import LotStock


@dataclass(frozen=True)
class Sku:
    """The smallest thing that is stocked and sold."""

    sku: str
    name: str
    category: str
    brand: str
    currency: str
    price_minor: int
    attributes: dict[str, Any]
    parent_product: str
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Location:
    """A place that holds stock."""

    location: str
    name: str
    time_zone: str = "UTC"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """How much of one sku lies in one location."""

    sku: str
    location: str
    on_hand: int
    reserved: int
    committed: int
    unavailable: int
    backorder_limit: int
    version: int
    lots: list[LotStock] = field(default_factory=list)

    @property
    def available(self) -> int:
        """Units that may be promised; below zero is a shortfall."""
        return self.on_hand - self.reserved - self.committed - self.unavailable


@dataclass(frozen=True)
class Movement:
    """One row of the ledger."""

    id: int
    kind: str
    reference: str
    sku: str
    location: str
    lot: str
    on_hand_delta: int
    reserved_delta: int
    committed_delta: int
    unavailable_delta: int
    reason: str
    created_at: datetime


@dataclass(frozen=True)
class LocationStock:
    """A location and the sums of its levels."""

    location: Location
    skus: int
    on_hand: int
    reserved: int
    committed: int
    unavailable: int

    @property
    def available(self) -> int:
        """Units that may be promised, in all levels."""
        return self.on_hand - self.reserved - self.committed - self.unavailable


@dataclass(frozen=True, slots=True)
class Progress:
    """Units of one line of a committed reservation that have left or were cancelled so far."""

    fulfilled: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller that changes a reservation: its owner, or a person who forces the change and gives a reason."""

    owner: str = ""
    force_reason: str = ""

    def may_change(self, owner: str) -> bool:
        """Whether it may change a reservation of this owner. Without an owner, any caller that knows its id may."""
        return bool(self.force_reason) or owner in ("", self.owner)


@dataclass(frozen=True, slots=True)
class LotPick:
    """Units of one lot that left."""

    sku: str
    location: str
    lot: str
    quantity: int


def level_key(sku: str, location: str) -> str:
    """The counter key of a level. Neither part can contain an @."""
    return f"{sku}@{location}"


def split_key(key: str) -> tuple[str, str]:
    """Sku and location of a counter key."""
    sku, _, location = key.partition("@")
    return sku, location
