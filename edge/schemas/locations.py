"""What locations and their sums look like over REST."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from edge.schemas.fields import Body, LocationId


class Location(Body):
    """A location to create."""

    location: LocationId
    name: Annotated[str, Field(max_length=200)] = ""
    time_zone: Annotated[str, Field(max_length=64, description="IANA zone; empty means UTC")] = ""
    priority: Annotated[int, Field(ge=0, le=1000, description="Lower is tried first")] = 0


class LocationAnswer(TypedDict):
    """A location as stored."""

    location: str
    name: str
    time_zone: str
    priority: int


class LocationListAnswer(TypedDict):
    """All locations, by priority and name."""

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
    """All locations with their sums."""

    warehouses: list[WarehouseAnswer]
