"""What stock looks like over REST: per sku, location and lot, how it is changed, and what changed it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from edge.schemas.fields import (
    MOST_SKUS,
    MOST_UNITS,
    Body,
    IsoDate,
    LocationId,
    LotNumber,
    PageSize,
    PageToken,
    Query,
    QueryWhole,
    Reason,
    SkuId,
)

Delta = Annotated[int, Field(ge=-MOST_UNITS, le=MOST_UNITS, description="Change of on_hand; not zero")]
Number = Annotated[int, Field(ge=0, le=MOST_UNITS)]
LowStock = Annotated[QueryWhole, Field(ge=-MOST_UNITS, le=MOST_UNITS, description="At most this many available")]


class StockReceipt(Body):
    """Goods that came in."""

    sku: SkuId
    location: LocationId
    quantity: Annotated[int, Field(ge=1, le=MOST_UNITS)]
    lot: Annotated[LotNumber, Field(description="Empty for the unnamed lot")] = ""
    manufacture_date: IsoDate = ""
    expiry_date: Annotated[IsoDate, Field(description="Last day on which it may be used; needs a lot")] = ""
    reason: Reason = ""


class StockDelta(Body):
    """A correction by a delta."""

    delta: Delta
    reason: Annotated[Reason, Field(min_length=1)]
    lot: LotNumber = ""


class StockAdjustment(StockDelta):
    """A correction by a delta, of the level it names."""

    sku: SkuId
    location: LocationId


class StockNumber(Body):
    """An absolute number; If-Match says the version it replaces."""

    on_hand: Number | None = None
    backorder_limit: Number | None = None
    reason: Reason = ""
    lot: LotNumber = ""


class StockBatch(Body):
    """Skus to read."""

    skus: list[SkuId] = Field(min_length=1, max_length=MOST_SKUS)


class StockQuery(Query):
    """Which levels to list."""

    location: str = ""
    category: Annotated[str, Field(description="This category and what lies below it")] = ""
    low_stock: LowStock | None = None
    page_size: PageSize = 0
    page_token: PageToken = ""


class MovementQuery(Query):
    """Which movements to list."""

    location: str = ""
    page_size: PageSize = 0
    page_token: PageToken = ""


class LotAnswer(TypedDict):
    """One lot in one location."""

    lot: str
    on_hand: int
    manufacture_date: str | None
    expiry_date: str | None
    expired: bool


class NumbersAnswer(TypedDict):
    """The numbers of a level, or sums of them. available = on_hand - reserved - committed - unavailable."""

    on_hand: int
    reserved: int
    committed: int
    unavailable: int
    available: int


class LevelAnswer(NumbersAnswer):
    """One sku in one location."""

    sku: str
    location: str
    backorder_limit: int
    version: int


class LocationLevelAnswer(NumbersAnswer):
    """One location of one sku, with its lots."""

    location: str
    backorder_limit: int
    version: int
    lots: list[LotAnswer]


class StockAnswer(NumbersAnswer):
    """One sku: the sums on top, then every location."""

    sku: str
    locations: list[LocationLevelAnswer]


class StockBatchAnswer(TypedDict):
    """Several skus; `missing` are those that do not exist. Without lots."""

    stocks: list[StockAnswer]
    missing: list[str]


class LevelListAnswer(TypedDict):
    """One page of levels."""

    levels: list[LevelAnswer]
    next_page_token: str


class MovementAnswer(TypedDict):
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
    created_at: datetime | None


class MovementListAnswer(TypedDict):
    """One page of movements, newest first."""

    movements: list[MovementAnswer]
    next_page_token: str
