"""REST schemas of skus."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypedDict

from edge.schemas.bounds import ANY_TEXT, deepest, field, most
from edge.schemas.fields import (
    Body,
    CategoryFilter,
    Money,
    MoneyAnswer,
    PageSize,
    PageToken,
    Patch,
    Query,
    SkuId,
)

MOST_DEPTH = deepest("inventory.v1.Sku", "attributes")
"""Nesting of attributes: protobuf refuses far deeper messages with an error that names no field."""
MOST_EXACT = 2**53
"""Attributes are sent as doubles: a larger whole number would arrive changed, and one beyond 64 bits would fail."""
MOST_BYTES = most("inventory.v1.Sku", "attributes")
"""Of all attributes of a sku together, as JSON."""
VALUE_SCHEMA = "AttributeValue"
ATTRIBUTE_OBJECT: dict[str, Any] = {
    "type": "object",
    "propertyNames": {"maxLength": MOST_BYTES, "pattern": ANY_TEXT},
    "maxProperties": MOST_BYTES // 4,
    "additionalProperties": {"$ref": f"#/components/schemas/{VALUE_SCHEMA}"},
}
ATTRIBUTE_VALUE: dict[str, Any] = {
    "title": VALUE_SCHEMA,
    "description": f"The value of an attribute; a sku's attributes have at most {MOST_BYTES} bytes and {MOST_DEPTH} levels.",
    "anyOf": [
        {"type": "null"},
        {"type": "boolean"},
        {"type": "number", "minimum": -MOST_EXACT, "maximum": MOST_EXACT},
        {"type": "string", "maxLength": MOST_BYTES, "pattern": ANY_TEXT},
        {"type": "array", "maxItems": MOST_BYTES // 2, "items": {"$ref": f"#/components/schemas/{VALUE_SCHEMA}"}},
        ATTRIBUTE_OBJECT,
    ],
}
"""The component that a sku's attributes refer to. Its limits of items follow from the bytes."""


def _exact(attributes: dict[str, Any]) -> dict[str, Any]:
    _check(attributes, 1)
    return attributes


def _check(value: Any, depth: int) -> None:
    if depth > MOST_DEPTH and isinstance(value, (dict, list)):
        raise ValueError(f"must not be nested deeper than {MOST_DEPTH} levels")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check(name, depth)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)
    elif isinstance(value, str):
        if "\0" in value:
            raise ValueError("must not contain NUL")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must contain only finite numbers")
    elif isinstance(value, (int, float)) and abs(value) > MOST_EXACT:
        raise ValueError(f"must not contain numbers beyond {MOST_EXACT}; send them as text")


def _not_null(price: Money | None) -> Money:
    if price is None:
        raise ValueError("must not be null")
    return price


Name = Annotated[str, field("inventory.v1.Sku", "name")]
Category = Annotated[str, field("inventory.v1.Sku", "category")]
Brand = Annotated[str, field("inventory.v1.Sku", "brand")]
ParentProduct = Annotated[str, field("inventory.v1.Sku", "parent_product")]
Attributes = Annotated[
    dict[str, Any],
    AfterValidator(_exact),
    Field(description="Attributes such as shade, scent, size, fitment or warranty"),
    WithJsonSchema(ATTRIBUTE_OBJECT),
]


class Sku(Body):
    """A sku to create, or to replace the existing one."""

    sku: SkuId
    name: Name
    category: Category = ""
    brand: Brand = ""
    price: Money
    attributes: Attributes = Field(default_factory=dict)
    parent_product: ParentProduct = ""


class SkuBatch(Body):
    """Skus to create or replace, all or none."""

    skus: Annotated[list[Sku], field("inventory.v1.BatchUpsertSkusRequest", "skus")]


class SkuPatch(Patch):
    """The fields to change; omitted fields keep their values."""

    name: Name = ""
    category: Category = ""
    brand: Brand = ""
    price: Annotated[Money | SkipJsonSchema[None], AfterValidator(_not_null)] = None
    attributes: Attributes = Field(default_factory=dict)
    parent_product: ParentProduct = ""


class SkuQuery(Query):
    """The skus to list."""

    page_size: PageSize = 0
    page_token: PageToken = ""
    category: CategoryFilter = ""
    parent_product: ParentProduct = ""


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
    """How many skus were created, and how many were updated."""

    created: int
    updated: int
