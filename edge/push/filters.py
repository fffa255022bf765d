"""Filters and grants: the events that a client wants to see, and those that it may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from chassis.events.event import matches
from edge.push import topics
from edge.push.pushed import Pushed

NOTHING: frozenset[str] = frozenset()


class ScopeMissing(Exception):
    """A filter asks for more than the grant allows. `scope`: the topic, or `skus`, `orders`."""

    def __init__(self, scope: str, words: str) -> None:
        super().__init__(words)
        self.scope = scope


@dataclass(frozen=True)
class Filter:
    """Filters only narrow: an empty one takes everything. `topics` None means all topics, and types without a topic.

    Ids narrow only the topics that they belong to: `skus` does not narrow orders.
    """

    topics: frozenset[str] | None = None
    types: tuple[str, ...] = ()
    skus: frozenset[str] = NOTHING
    locations: frozenset[str] = NOTHING
    orders: frozenset[str] = NOTHING
    promotions: frozenset[str] = NOTHING

    def ids(self, topic: str) -> frozenset[str]:
        """The ids that narrow this topic; empty when none do."""
        kind = topics.IDS_OF_TOPIC.get(topic)
        return NOTHING if kind is None else getattr(self, kind)

    def places(self, topic: str) -> frozenset[str]:
        """The locations that narrow this topic; empty when none do."""
        return self.locations if topic in topics.LOCATED else NOTHING

    @property
    def every_topic(self) -> Iterable[str]:
        """Each topic whose events it may take."""
        return topics.EVERY if self.topics is None else self.topics

    def sources(self, known: Iterable[str]) -> frozenset[str]:
        """The known sources whose events it may take."""
        if self.topics is None:
            return frozenset(known)
        wanted = {source for topic in self.topics for source in topics.SOURCES_OF_TOPIC[topic]}
        return frozenset(known) & wanted

    def takes(self, pushed: Pushed) -> bool:
        """Whether the filter takes this event."""
        if self.topics is not None and pushed.topic not in self.topics:
            return False
        if self.types and not matches(pushed.event.type, self.types):
            return False
        ids = self.ids(pushed.topic)
        if ids and ids.isdisjoint(pushed.ids):
            return False
        places = self.places(pushed.topic)
        return not places or not places.isdisjoint(pushed.locations)

    def document(self) -> dict[str, Any]:
        """The filter as clients see it."""
        return {
            "topics": None if self.topics is None else sorted(self.topics),
            "types": list(self.types),
            "skus": sorted(self.skus),
            "locations": sorted(self.locations),
            "orders": sorted(self.orders),
            "promotions": sorted(self.promotions),
        }


def asked(given: Filter) -> Filter:
    """The filter with its topics: ids without topics and types select the topics that they belong to."""
    if given.topics is not None or given.types:
        return given
    meant = {"stock"} if given.skus or given.locations else set[str]()
    meant |= {"orders"} if given.orders else set()
    meant |= {"promotions"} if given.promotions else set()
    return replace(given, topics=frozenset(meant)) if meant else given


@dataclass(frozen=True)
class Grant:
    """The permissions of a caller: everything (`topics` None), or these topics, narrowed to these ids if there are any."""

    topics: frozenset[str] | None = None
    skus: frozenset[str] = NOTHING
    orders: frozenset[str] = NOTHING
    expires_s: float | None = None
    """Unix time in seconds at which it expires; None: never."""
    ticket: str = ""
    """The signature of its ticket, by which connections are counted; "" for the API token."""

    @property
    def sources(self) -> frozenset[str] | None:
        """The sources whose events it may see; None: all."""
        if self.topics is None:
            return None
        return frozenset(source for topic in self.topics for source in topics.SOURCES_OF_TOPIC[topic])

    def ended(self, unix_s: float) -> bool:
        """Whether it has expired."""
        return self.expires_s is not None and self.expires_s <= unix_s

    def narrow(self, wanted: Filter) -> Filter:
        """The filter within the grant; unset members become those of the grant. ScopeMissing when it asks for more."""
        if self.topics is None:
            return asked(wanted)
        wanted = asked(wanted)
        chosen = self.topics if wanted.topics is None else wanted.topics
        for topic in sorted(chosen - self.topics):
            raise ScopeMissing(topic, f"the ticket does not allow the topic {topic}")
        return replace(
            wanted,
            topics=chosen,
            skus=_within("skus", wanted.skus, self.skus),
            orders=_within("orders", wanted.orders, self.orders),
        )


EVERYTHING = Grant()


def _within(kind: str, wanted: frozenset[str], granted: frozenset[str]) -> frozenset[str]:
    if not granted or not wanted:
        return wanted or granted
    for one in sorted(wanted - granted):
        raise ScopeMissing(kind, f"the ticket does not allow {one}")
    return wanted
