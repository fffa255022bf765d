"""REST schemas of reservations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from edge.schemas.bounds import field
from edge.schemas.fields import Body, LocationId, Owner, Reason, SkuId, TtlSeconds, Units

ONE_OR_MANY: dict[str, Any] = {
    "not": {
        "required": ["location", "locations"],
        "properties": {"location": {"type": "string"}, "locations": {"minItems": 1}},
    }
}


class ReserveLine(Body):
    """One sku to reserve. `location` is short for one entry in `locations`; without both the service chooses."""

    model_config = ConfigDict(json_schema_extra=ONE_OR_MANY)

    sku: SkuId
    quantity: Units
    location: LocationId | None = None
    locations: Annotated[
        list[LocationId],
        field("inventory.v1.ReserveLine", "locations", "Locations to take units from, in order of preference"),
    ] = Field(default_factory=list)
    allow_split: Annotated[bool, Field(description="Whether units may be taken from several locations")] = False


class Reserve(Body):
    """A reservation of stock, all lines or none."""

    lines: Annotated[list[ReserveLine], field("inventory.v1.ReserveStockRequest", "lines")]
    ttl_seconds: Annotated[TtlSeconds, Field(description="Seconds until the reservation expires; default 900")] = 900
    owner: Annotated[
        Owner,
        Field(description="Owner, such as a cart or till. Changes must name it; without one any caller may make them"),
    ] = ""


class Change(Body):
    """The reservation's owner, or the reason to change it without being the owner."""

    owner: Annotated[Owner, Field(description="The reservation's owner, if it has one")] = ""
    force_reason: Annotated[
        Reason,
        Field(
            description="Why a person changes another owner's reservation, such as an order's; the reason is recorded"
        ),
    ] = ""


class Extend(Change):
    """The new expiry: `ttl_seconds` from now."""

    ttl_seconds: TtlSeconds


class LineQuantity(Body):
    """Some units of one line."""

    sku: SkuId
    location: LocationId
    quantity: Units


class Lines(Change):
    """The lines to change; without lines, all open units."""

    lines: Annotated[list[LineQuantity], field("inventory.v1.FulfillReservationRequest", "lines")] = Field(
        default_factory=list
    )


class ReservationLineAnswer(TypedDict):
    """One sku in one location."""

    sku: str
    location: str
    quantity: int
    fulfilled: int
    cancelled: int


class ReservationAnswer(TypedDict):
    """A reservation as stored."""

    reservation_id: str
    state: str
    expires_at: datetime | None
    created_at: datetime | None
    owner: str
    lines: list[ReservationLineAnswer]


class LotPickAnswer(TypedDict):
    """Units of one lot that left one location."""

    sku: str
    location: str
    lot: str
    quantity: int


class FulfillmentAnswer(ReservationAnswer):
    """The reservation after goods left, and the lots that they came from."""

    picks: list[LotPickAnswer]
    fulfilled_at: datetime | None
