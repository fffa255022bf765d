"""REST schemas of locations and their stock totals."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from edge.schemas.bounds import field
from edge.schemas.fields import Body, LocationId


class Location(Body):
    """A location to create."""

    location: LocationId
    name: Annotated[str, field("inventory.v1.Location", "name")] = ""
    time_zone: Annotated[str, field("inventory.v1.Location", "time_zone", "IANA time zone; empty means UTC")] = ""
    priority: Annotated[
        int, field("inventory.v1.Location", "priority", "Locations with a lower number are tried first")
    ] = 0


class LocationAnswer(TypedDict):
    """A location as stored."""

    location: str
    name: str
    time_zone: str
    priority: int


class LocationListAnswer(TypedDict):
    """All locations, in order of priority and name."""

    locations: list[LocationAnswer]


class WarehouseAnswer(LocationAnswer):
    """A location and the sums of its stock levels."""

    skus: int
    on_hand: int
    reserved: int
    committed: int
    unavailable: int
    available: int


class WarehouseListAnswer(TypedDict):
    """All locations with their stock totals."""

    warehouses: list[WarehouseAnswer]
