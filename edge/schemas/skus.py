"""What skus look like over REST."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from edge.schemas.fields import MOST_SKUS, Body, Money, MoneyAnswer, PageSize, PageToken, Query, SkuId

MOST_DEPTH = 16
"""Nesting of attributes: protobuf refuses far deeper messages with an error that names no field."""
MOST_EXACT = 2**53
"""Attributes travel as doubles; a larger whole number would arrive as another one."""


def _exact(attributes: dict[str, Any]) -> dict[str, Any]:
    _check(attributes, 1)
    return attributes


def _check(value: Any, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise ValueError(f"must not be nested deeper than {MOST_DEPTH}")
    if isinstance(value, dict):
        for inner in value.values():
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must hold finite numbers only")
    elif isinstance(value, int) and abs(value) > MOST_EXACT:
        raise ValueError(f"must not hold whole numbers beyond {MOST_EXACT}; send them as text")


Name = Annotated[str, Field(min_length=1, max_length=200)]
ShortText = Annotated[str, Field(max_length=100)]
Attributes = Annotated[
    dict[str, Any], AfterValidator(_exact), Field(description="Shade, scent, size, fitment, warranty and the like")
]


class Sku(Body):
    """A sku to create, or to put in the place of the one of that name."""

    sku: SkuId
    name: Name
    category: ShortText = ""
    brand: ShortText = ""
    price: Money
    attributes: Attributes = Field(default_factory=dict)
    parent_product: ShortText = ""


class SkuBatch(Body):
    """Skus to create or replace, all or none of them."""

    skus: list[Sku] = Field(min_length=1, max_length=MOST_SKUS)


class SkuPatch(Body):
    """The fields to change; those left out stay."""

    name: Name = ""
    category: ShortText = ""
    brand: ShortText = ""
    price: Money | None = None
    attributes: Attributes = Field(default_factory=dict)
    parent_product: ShortText = ""


class SkuQuery(Query):
    """Which skus to list."""

    page_size: PageSize = 0
    page_token: PageToken = ""
    category: Annotated[str, Field(description="This category and what lies below it")] = ""
    parent_product: str = ""


class SkuAnswer(TypedDict):
    """A sku as stored."""

    sku: str
    name: str
    category: str
    brand: str
    price: MoneyAnswer | None
    attributes: dict[str, Any]
    parent_product: str
    etag: str
    created_at: datetime | None
    updated_at: datetime | None


class SkuListAnswer(TypedDict):
    """One page of skus."""

    skus: list[SkuAnswer]
    next_page_token: str


class SkuBatchAnswer(TypedDict):
    """How many were new, how many were there before."""

    created: int
    updated: int
