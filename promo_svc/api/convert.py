"""Converts promotion messages to domain objects and checks each field; carts and quotes are in quote_convert.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from chassis import errors, money, timestamps, validation
from gen.common.v1.money_pb2 import Money as MoneyMessage
from gen.promo.v1 import promotion_pb2
from promo_svc.domain.money import Money
from promo_svc.domain.promotion import WHOLE_BPS, FixedAmount, Percent, Promotion

PROMOTION_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")
CODE = re.compile(r"[A-Z0-9\-]{3,40}")
NAME_CHARACTERS = 200
SKU_CHARACTERS = 64
CATEGORY_CHARACTERS = 100
CHANNEL_CHARACTERS = 40
MOST_ENTRIES = 1_000
"""Skus, categories or channels of one promotion; larger sets should be a category."""
MOST_USES = 10**9
"""Largest limit, far below the value that means "no limit"."""
MOST_PRIORITY = 1_000
MOST_STOCK_SKUS = 20
"""Skus to whose stock one promotion may be coupled: a set that is sold together, not a catalogue."""
MOST_AVAILABLE = 10**9
MOST_PURCHASES = 1_000
"""Earlier orders that a promotion may require; a quote counts no further."""
OURS = frozenset({"promotion_id", "state", "etag", "create_time", "update_time", "used", "suspended"})
"""Fields that identify the promotion or that the service sets; a mask may not hold them."""


def promotion_id(path: str, value: str) -> str:
    """1 to 64 characters of A-Z a-z 0-9 . _ -"""
    return validation.pattern(path, value, PROMOTION_ID, "must be 1 to 64 characters of A-Z a-z 0-9 . _ -")


def new_promotion(message: promotion_pb2.Promotion) -> Promotion:
    """A promotion to create; fields that the service sets are ignored."""
    known = promotion_id("promotion.promotion_id", message.promotion_id)
    discount = message.WhichOneof("discount")
    if discount is None:
        raise errors.required("promotion.percent_bps")
    names = [name for name in READERS if name not in ("percent_bps", "fixed_amount")]
    return Promotion(promotion_id=known, **_read(message, [*names, discount]))


def changes(message: promotion_pb2.Promotion, mask: Iterable[str]) -> dict[str, Any]:
    """The domain fields that an update sets; an empty mask means all fields that the message sets."""
    named = list(dict.fromkeys(mask))
    for index, name in enumerate(named):
        if name not in READERS:
            raise errors.invalid(f"update_mask.paths[{index}]", "FIELD_INVALID", f"{name} cannot be changed")
    if not named:
        named = [field.name for field, _ in message.ListFields() if field.name not in OURS]
    if "percent_bps" in named and "fixed_amount" in named:
        raise errors.invalid("update_mask", "FIELD_INVALID", "must not name both percent_bps and fixed_amount")
    if not named:
        raise errors.required("update_mask")
    return _read(message, named)


def _read(message: promotion_pb2.Promotion, names: Iterable[str]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name in names:
        field, reader = READERS[name]
        read[field] = reader(message)
    return read


def _name(message: promotion_pb2.Promotion) -> str:
    path = "promotion.name"
    return validation.at_most(path, validation.present(path, message.name.strip()), NAME_CHARACTERS)


def _percent(message: promotion_pb2.Promotion) -> Percent:
    return Percent(validation.whole("promotion.percent_bps", message.percent_bps, 1, WHOLE_BPS))


def _fixed_amount(message: promotion_pb2.Promotion) -> FixedAmount:
    return FixedAmount(_money("promotion.fixed_amount", message.fixed_amount, least=1))


def _code(message: promotion_pb2.Promotion) -> str:
    code = message.code.strip().upper()
    return validation.pattern("promotion.code", code, CODE, "must be 3 to 40 characters of A-Z 0-9 -") if code else ""


def _minimum_amount(message: promotion_pb2.Promotion) -> Money | None:
    if not message.HasField("minimum_amount"):
        return None
    return _money("promotion.minimum_amount", message.minimum_amount, least=0)


def _money(path: str, message: MoneyMessage, least: int) -> Money:
    currency = validation.currency(f"{path}.currency", message.currency)
    amount = validation.whole(f"{path}.amount_minor", message.amount_minor, least, money.MOST_MINOR)
    return Money(currency, amount)


def _limit(name: str) -> Callable[[promotion_pb2.Promotion], int]:
    return lambda message: validation.whole(f"promotion.{name}", getattr(message, name), 0, MOST_USES)


def _entries(
    name: str, characters: int, most: int = MOST_ENTRIES
) -> Callable[[promotion_pb2.Promotion], tuple[str, ...]]:
    def read(message: promotion_pb2.Promotion) -> tuple[str, ...]:
        path, given = f"promotion.{name}", getattr(message, name)
        validation.count(path, len(given), 0, most)
        for index, value in enumerate(given):
            validation.at_most(f"{path}[{index}]", validation.present(f"{path}[{index}]", value), characters)
        return tuple(dict.fromkeys(given))

    return read


def _instant(name: str) -> Callable[[promotion_pb2.Promotion], datetime | None]:
    def read(message: promotion_pb2.Promotion) -> datetime | None:
        return timestamps.instant(f"promotion.{name}", getattr(message, name)) if message.HasField(name) else None  # type: ignore[arg-type]

    return read


def _minimum_available(message: promotion_pb2.Promotion) -> int:
    return validation.whole("promotion.minimum_available", message.minimum_available, 0, MOST_AVAILABLE)


def _minimum_purchases(message: promotion_pb2.Promotion) -> int:
    return validation.whole("promotion.minimum_purchases", message.minimum_purchases, 0, MOST_PURCHASES)


def _priority(message: promotion_pb2.Promotion) -> int:
    return validation.whole("promotion.priority", message.priority, 0, MOST_PRIORITY)


# Field of the message -> field of the domain object, and its reader.
READERS: dict[str, tuple[str, Callable[[promotion_pb2.Promotion], Any]]] = {
    "name": ("name", _name),
    "percent_bps": ("discount", _percent),
    "fixed_amount": ("discount", _fixed_amount),
    "code": ("code", _code),
    "usage_limit": ("usage_limit", _limit("usage_limit")),
    "customer_limit": ("customer_limit", _limit("customer_limit")),
    "skus": ("skus", _entries("skus", SKU_CHARACTERS)),
    "categories": ("categories", _entries("categories", CATEGORY_CHARACTERS)),
    "minimum_amount": ("minimum_amount", _minimum_amount),
    "start_time": ("start_time", _instant("start_time")),
    "end_time": ("end_time", _instant("end_time")),
    "channels": ("channels", _entries("channels", CHANNEL_CHARACTERS)),
    "priority": ("priority", _priority),
    "exclusive": ("exclusive", lambda message: message.exclusive),
    "first_order_only": ("first_order_only", lambda message: message.first_order_only),
    "minimum_purchases": ("minimum_purchases", _minimum_purchases),
    "stock_skus": ("stock_skus", _entries("stock_skus", SKU_CHARACTERS, MOST_STOCK_SKUS)),
    "minimum_available": ("minimum_available", _minimum_available),
}
