"""Turns a client's query or message into a filter."""

from __future__ import annotations

from edge import problems
from edge.push.filters import Filter
from edge.schemas.streams import StreamQuery, Subscription


def to_filter(given: StreamQuery | Subscription) -> Filter:
    """The filter that the client asked for."""
    return Filter(
        topics=None if given.topics is None else frozenset(given.topics),
        types=tuple(given.types or ()),
        skus=frozenset(given.skus or ()),
        locations=frozenset(given.locations or ()),
        orders=frozenset(given.orders or ()),
        promotions=frozenset(given.promotions or ()),
    )


def wants_snapshot(given: StreamQuery | Subscription, wanted: Filter, resumes: bool) -> bool:
    """Whether a snapshot of the levels comes first; by default with skus, unless the client resumes. Problem 422."""
    possible = bool(wanted.skus) and "stock" in wanted.every_topic
    if given.snapshot and not possible:
        raise problems.invalid_field(
            "snapshot", "requires skus and the topic stock; GET /v1/inventory lists all levels"
        )
    return possible and (not resumes if given.snapshot is None else given.snapshot)
