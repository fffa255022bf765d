"""What reservations look like over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from edge.schemas.fields import MOST_LINES, Body, LocationId, Owner, Reason, SkuId, TtlSeconds, Units

MOST_CANDIDATES = 20


class ReserveLine(Body):
    """What to claim. `location` is short for one entry in `locations`; neither leaves the choice to us."""

    sku: SkuId
    quantity: Units
    location: LocationId | None = None
    locations: Annotated[
        list[LocationId], Field(max_length=MOST_CANDIDATES, description="Where from, in order of preference")
    ] = Field(default_factory=list)
    allow_split: Annotated[bool, Field(description="True: may be taken from several locations")] = False


class Reserve(Body):
    """A claim on stock, all or nothing."""

    lines: list[ReserveLine] = Field(min_length=1, max_length=MOST_LINES)
    ttl_seconds: Annotated[TtlSeconds, Field(description="900 when left out")] = 900
    owner: Annotated[
        Owner, Field(description="A cart, a till. Later changes must name it again; without it everybody may make them")
    ] = ""


class Change(Body):
    """Who changes a reservation."""

    owner: Annotated[Owner, Field(description="The reservation's owner, if it has one")] = ""
    force_reason: Annotated[
        Reason,
        Field(description="Why a person changes another owner's reservation, such as an order's; it is recorded"),
    ] = ""


class Extend(Change):
    """Until when: now and so many seconds."""

    ttl_seconds: TtlSeconds


class LineQuantity(Body):
    """Some units of one line."""

    sku: SkuId
    location: LocationId
    quantity: Units


class Lines(Change):
    """Lines concerned; none means all that is open."""

    lines: list[LineQuantity] = Field(default_factory=list, max_length=MOST_LINES)


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
    """The reservation after goods left, and which lots they were."""

    picks: list[LotPickAnswer]
    fulfilled_at: datetime | None
