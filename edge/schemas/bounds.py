"""Limits of fields, as the protos declare them (`common/v1/bounds.proto`): REST's limits are read only here.

The only module of the schemas that knows messages: it loads their modules and returns pydantic fields.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field
from pydantic.fields import FieldInfo

from chassis import bounds
from gen.common.v1 import address_pb2, event_service_pb2, money_pb2
from gen.inventory.v1 import catalog_service_pb2, reservation_service_pb2, stock_service_pb2
from gen.order.v1 import order_service_pb2
from gen.promo.v1 import customer_service_pb2, promotion_service_pb2
from gen.webhook.v1 import webhook_service_pb2

LOADED = (
    address_pb2,
    event_service_pb2,
    money_pb2,
    catalog_service_pb2,
    reservation_service_pb2,
    stock_service_pb2,
    order_service_pb2,
    customer_service_pb2,
    promotion_service_pb2,
    webhook_service_pb2,
)

ANY_TEXT = rf"^(?:{bounds.TEXT.pattern})$"


def field(message: str, name: str, description: str | None = None, entry: bool = False) -> Any:
    """A pydantic field with the bounds of a message's field; `entry`: those of one entry of a repeated field."""
    said = bounds.of(message, name)
    if said.pattern is not None and (entry or said.max_items is None):
        needed = said.required or (entry and bool(said.min_length))
        return text(said.min_length or 0 if needed else 0, said.max_length or 0, said.pattern, description, needed)
    if said.max_items is not None:
        return Field(min_length=said.min_items, max_length=said.max_items, description=description)
    return Field(ge=said.minimum, le=said.maximum, description=description)


def text(
    least: int, most: int, pattern: str = ANY_TEXT, description: str | None = None, needed: bool = True
) -> FieldInfo:
    """A pydantic field for a text. If it is not needed it may be empty, whatever its pattern."""
    if not needed and not re.match(pattern, ""):
        pattern = f"^(?:{pattern.removeprefix('^').removesuffix('$')})?$"
    made: FieldInfo = Field(min_length=least or None, max_length=most, pattern=pattern, description=description)
    return made


def deepest(message: str, name: str) -> int:
    """The maximum nesting of an object."""
    return bounds.of(message, name).max_depth or 0


def most(message: str, name: str) -> int:
    """The largest number, the most entries, the most bytes or the most characters of a field."""
    said = bounds.of(message, name)
    return said.maximum or said.max_items or said.max_bytes or said.max_length or 0
