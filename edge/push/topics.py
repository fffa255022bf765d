"""Topics that a client can ask for: the event types of each, and the ids that an event concerns."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Literal

Topic = Literal["stock", "reservations", "orders", "promotions", "alerts", "skus"]
TOPICS: tuple[Topic, ...] = ("stock", "reservations", "orders", "promotions", "alerts", "skus")
OTHER = "other"
"""Event types outside all topics, such as those of a later release: sent only with full access and without a topic filter."""
EVERY = (*TOPICS, OTHER)

_TOPIC_OF_TYPE = (
    ("*.audit.*", "alerts"),
    ("inventory.stock_level.shortfall", "alerts"),
    ("inventory.stock_level.changed", "stock"),
    ("inventory.reservation.*", "reservations"),
    ("inventory.sku.*", "skus"),
    ("order.order.*", "orders"),
    ("promo.promotion.*", "promotions"),
    ("promo.redemption.*", "promotions"),
)
"""The first match counts."""
SOURCES_OF_TOPIC: Mapping[str, tuple[str, ...]] = {
    "stock": ("inventory",),
    "reservations": ("inventory",),
    "skus": ("inventory",),
    "orders": ("order",),
    "promotions": ("promo",),
    "alerts": ("inventory", "order", "promo"),
}
"""Events of OTHER may come from any source."""
IDS_OF_TOPIC: Mapping[str, str] = {
    "stock": "skus",
    "reservations": "skus",
    "skus": "skus",
    "alerts": "skus",
    "orders": "orders",
    "promotions": "promotions",
}
"""The list of ids that narrows each topic."""
LOCATED = frozenset({"stock", "reservations", "alerts"})
"""Topics that `locations` narrows."""


@lru_cache(maxsize=1024)
def topic_of(type_: str) -> str:
    """The topic of an event type."""
    return next((topic for pattern, topic in _TOPIC_OF_TYPE if fnmatchcase(type_, pattern)), OTHER)


def ids_in(type_: str, key: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids, of its topic's kind, that an event concerns; none for an audit's finding."""
    if type_.startswith("inventory.reservation."):
        reservation = data.get("reservation") or {}
        return tuple(dict.fromkeys(line["sku"] for line in reservation.get("lines", ())))
    if type_.startswith("promo.redemption."):
        redemption = data.get("redemption") or {}
        return tuple(redemption.get("promotion_ids", ()))
    return () if ".audit." in type_ else (key,)


def locations_in(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The locations that an event concerns."""
    if level := data.get("level"):
        return (level["location"],)
    reservation = data.get("reservation") or {}
    return tuple(dict.fromkeys(line["location"] for line in reservation.get("lines", ())))
