"""REST schemas of stock: levels per sku, location and lot, their changes, and movements."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from edge.schemas.bounds import field
from edge.schemas.fields import (
    Body,
    CategoryFilter,
    IsoDate,
    LocationFilter,
    LocationId,
    LotNumber,
    PageSize,
    PageToken,
    Query,
    Reason,
    SkuId,
    whole,
)


def _not_zero(delta: int) -> int:
    if delta == 0:
        raise ValueError("must not be zero")
    return delta


Delta = Annotated[
    int,
    field("inventory.v1.AdjustStockRequest", "delta", "Change of on_hand; not zero"),
    Field(json_schema_extra={"not": {"const": 0}}),
    AfterValidator(_not_zero),
]
OnHand = Annotated[int, field("inventory.v1.SetStockRequest", "on_hand")]
BackorderLimit = Annotated[int, field("inventory.v1.SetStockRequest", "backorder_limit")]
LowStock = Annotated[
    int,
    field("inventory.v1.ListStockRequest", "available_at_most", "Only levels with at most this many available units"),
    BeforeValidator(whole),
]
DATES_NEED_A_LOT: dict[str, Any] = {
    "if": {
        "anyOf": [
            {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}}
            for name in ("manufacture_date", "expiry_date")
        ]
    },
    "then": {"required": ["lot"], "properties": {"lot": {"type": "string", "minLength": 1}}},
}
A_NUMBER_TO_SET: dict[str, Any] = {
    "anyOf": [
        {"required": [name], "properties": {name: {"type": "integer"}}} for name in ("on_hand", "backorder_limit")
    ]
}


class StockReceipt(Body):
    """Goods that a location receives."""

    model_config = ConfigDict(json_schema_extra=DATES_NEED_A_LOT)

    sku: SkuId
    location: LocationId
    quantity: Annotated[int, field("inventory.v1.ReceiveStockRequest", "quantity")]
    lot: LotNumber = ""
    manufacture_date: IsoDate = ""
    expiry_date: Annotated[IsoDate, Field(description="Last day on which the goods may be used; requires a lot")] = ""
    reason: Reason = ""


class StockDelta(Body):
    """A change of on_hand by a delta."""

    delta: Delta
    reason: Annotated[str, field("inventory.v1.AdjustStockRequest", "reason")]
    lot: LotNumber = ""


class StockAdjustment(StockDelta):
    """A change of on_hand by a delta, for one sku and location."""

    sku: SkuId
    location: LocationId


class StockNumber(Body):
    """Absolute numbers of a stock level; If-Match names the version that they replace."""

    model_config = ConfigDict(json_schema_extra=A_NUMBER_TO_SET)

    on_hand: OnHand | None = None
    backorder_limit: BackorderLimit | None = None
    reason: Reason = ""
    lot: LotNumber = ""


class StockBatch(Body):
    """The skus whose stock to read."""

    skus: Annotated[list[SkuId], field("inventory.v1.BatchGetStockRequest", "skus")]


class StockQuery(Query):
    """The levels to list."""

    location: LocationFilter = ""
    category: CategoryFilter = ""
    low_stock: LowStock | None = None
    page_size: PageSize = 0
    page_token: PageToken = ""


class MovementQuery(Query):
    """The movements to list."""

    location: LocationFilter = ""
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
    """Stock of one sku: the sums over all locations, then each location."""

    sku: str
    locations: list[LocationLevelAnswer]


class StockBatchAnswer(TypedDict):
    """Stock of several skus, without lots; `missing` lists the skus that do not exist."""

    stocks: list[StockAnswer]
    missing: list[str]


class LevelListAnswer(TypedDict):
    """One page of levels."""

    levels: list[LevelAnswer]
    next_page_token: str


class MovementAnswer(TypedDict):
    """One stock movement, a row of the ledger."""

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
