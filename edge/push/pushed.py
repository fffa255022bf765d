"""An event that is sent to clients: read once, encoded once, shared by all clients that take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
from google.protobuf.json_format import ParseError
from google.protobuf.message import DecodeError

from chassis.events.event import PROTOBUF, Event
from chassis.events.event_types import EventTypes, UnknownType, cloud_event
from edge.push import resume_token, topics

PRIVATE = -1
"""The number of an event that was read for one client only."""


class Pushed:
    """`positions`: the position of every source at this event. `number` counts the events of this hub."""

    def __init__(self, event: Event, number: int, positions: Mapping[str, int], event_types: EventTypes) -> None:
        self.event = event
        self.number = number
        self.positions = positions
        self.topic = topics.topic_of(event.type)
        self._event_types = event_types

    def private(self, positions: Mapping[str, int]) -> Pushed:
        """The same event for a client with other positions; the data already read and encoded is shared."""
        twin = Pushed(self.event, PRIVATE, positions, self._event_types)
        kept = {
            name: value
            for name, value in self.__dict__.items()
            if name in ("data", "ids", "locations", "level", "json")
        }
        twin.__dict__.update(kept)
        return twin

    @cached_property
    def data(self) -> dict[str, Any] | None:
        """The event's message; None when this release cannot read it."""
        try:
            return self._event_types.as_json(self.event)
        except (UnknownType, DecodeError, ParseError, ValueError):
            return self._unread()

    def _unread(self) -> dict[str, Any] | None:
        if self.event.content_type == PROTOBUF:
            return None
        try:
            found = orjson.loads(self.event.data)
        except orjson.JSONDecodeError:
            return None
        return found if isinstance(found, dict) else None

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids, of its topic's kind, that it concerns."""
        if self.topic in ("stock", "orders", "skus"):
            return (self.event.key,)  # without reading the message
        return topics.ids_in(self.event.type, self.event.key, self.data or {})

    @cached_property
    def locations(self) -> tuple[str, ...]:
        """The locations that it concerns."""
        return topics.locations_in(self.data or {})

    @cached_property
    def level(self) -> tuple[tuple[str, str], int] | None:
        """Sku and location, and the version of their level; None for an event that does not change a level."""
        found = (self.data or {}).get("level") if self.topic == "stock" else None
        return None if found is None else ((found["sku"], found["location"]), found["version"])

    @cached_property
    def json(self) -> bytes:
        """The event as clients see it: CloudEvents, structured."""
        return cloud_event(self.event, self.data)  # type: ignore[arg-type]

    @cached_property
    def token(self) -> str:
        """The token to resume after it, for a client that has everything before it."""
        return resume_token.encode(self.positions)

    def token_of(self, sources: frozenset[str]) -> str:
        """The same for a client that may see only these sources; made once for all tickets of one kind."""
        found = self._tokens.get(sources)
        if found is None:
            places = {source: place for source, place in self.positions.items() if source in sources}
            found = self._tokens[sources] = resume_token.encode(places)
        return found

    @cached_property
    def _tokens(self) -> dict[frozenset[str], str]:
        return {}

    @cached_property
    def sse(self) -> bytes:
        """As one server-sent event with its own token."""
        return b"id: %b\ndata: %b\n\n" % (self.token.encode(), self.json)

    def as_sse(self, token: str) -> bytes:
        """As one server-sent event with the token of one client."""
        return self.sse if token == self.token else b"id: %b\ndata: %b\n\n" % (token.encode(), self.json)

    @cached_property
    def unix_s(self) -> float:
        """The time of the event, in Unix seconds."""
        return datetime.fromisoformat(self.event.time).timestamp()


def joined(events: Sequence[Pushed], token: str) -> bytes:
    """One message with several events, and the token to resume after the last of them."""
    return b'{"events":[%b],"token":"%b"}' % (b",".join(event.json for event in events), token.encode())
