"""Finds the subscribers that take an event by its ids, so that its cost depends only on these subscribers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from edge.push.pushed import Pushed
from edge.push.subscriber import Subscriber

Place = tuple[str, str]
"""Topic and id, or topic and location."""


class Index:
    """Subscribers by their filters. A filter must not change while its subscriber is in the index."""

    def __init__(self) -> None:
        self._by_id: dict[Place, dict[Subscriber, None]] = {}
        self._by_location: dict[Place, dict[Subscriber, None]] = {}
        self._everyone: dict[str, dict[Subscriber, None]] = {}
        self._by_topic: Counter[str] = Counter()
        """Number of entries that narrow a topic: without any, an event's ids need not be read."""

    def add(self, subscriber: Subscriber) -> None:
        """Adds it under each topic, id and location of its filter."""
        for topic in subscriber.filter.every_topic:
            for places, place in self._places(subscriber, topic):
                places.setdefault(place, {})[subscriber] = None
                self._by_topic[topic] += 1
            if self._is_open(subscriber, topic):
                self._everyone.setdefault(topic, {})[subscriber] = None

    def remove(self, subscriber: Subscriber) -> None:
        """Removes all its entries."""
        for topic in subscriber.filter.every_topic:
            for places, place in self._places(subscriber, topic):
                found = places.get(place)
                if found is not None and found.pop(subscriber, self) is None:
                    self._by_topic[topic] -= 1
                    if not found:
                        del places[place]
            if self._is_open(subscriber, topic):
                self._everyone.get(topic, {}).pop(subscriber, None)

    def takers(self, pushed: Pushed) -> Iterable[Subscriber]:
        """The subscribers that take the event, each once."""
        everyone = self._everyone.get(pushed.topic)
        if not self._by_topic[pushed.topic]:
            return (
                ()
                if everyone is None
                else [one for one in everyone if not one.filter.types or one.filter.takes(pushed)]
            )
        found = dict(everyone or ())
        for one in pushed.ids:
            found.update(self._by_id.get((pushed.topic, one), ()))
        if self._by_location:
            for location in pushed.locations:
                found.update(self._by_location.get((pushed.topic, location), ()))
        return [one for one in found if one.filter.takes(pushed)]

    def _places(
        self, subscriber: Subscriber, topic: str
    ) -> Iterator[tuple[dict[Place, dict[Subscriber, None]], Place]]:
        wanted = subscriber.filter
        if ids := wanted.ids(topic):
            yield from ((self._by_id, (topic, one)) for one in ids)
        else:
            yield from ((self._by_location, (topic, one)) for one in wanted.places(topic))

    @staticmethod
    def _is_open(subscriber: Subscriber, topic: str) -> bool:
        return not subscriber.filter.ids(topic) and not subscriber.filter.places(topic)
