"""Schemas of live routes: filters in a query or a message, and tickets."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from edge.push.topics import Topic
from edge.schemas.bounds import field, most, text
from edge.schemas.fields import Body, LocationId, Query, SkuId

MOST_SKUS = most("inventory.v1.BatchGetStockRequest", "skus")
MOST_LOCATIONS = 100
MOST_TYPES = 50
"""The same limit as in ListEvents; each is compared to every event of a topic."""
MOST_TOKEN = 1_000
MOST_TICKET = 64 * 1024
"""500 skus and 500 orders of maximum length fit."""
OPAQUE = r"^[A-Za-z0-9_.=-]*$"
LEAST_TTL_S = 60
MOST_TTL_S = 3_600


def _listed(value: object) -> object:
    """Splits a list, which a query has as `A,B`."""
    return value.split(",") if isinstance(value, str) else value


def _truth(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


EventType = Annotated[str, field("common.v1.ListEventsRequest", "types", entry=True)]
Id = Annotated[str, text(1, 100, r"^[A-Za-z0-9._:-]+$")]
"""Of an order or a promotion: without commas, which separate the entries of lists."""
Topics = Annotated[list[Topic], Field(min_length=1, max_length=6)]
Types = Annotated[list[EventType], Field(min_length=1, max_length=MOST_TYPES)]
Skus = Annotated[list[SkuId], Field(min_length=1, max_length=MOST_SKUS)]
Locations = Annotated[list[LocationId], Field(min_length=1, max_length=MOST_LOCATIONS)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=MOST_SKUS)]
Token = Annotated[str, text(0, MOST_TOKEN, OPAQUE, "The token of the last message that the client received")]
Ticket = Annotated[str, text(0, MOST_TICKET, OPAQUE, "A ticket of POST /v1/stream-tickets, instead of a bearer token")]


class Subscription(Body):
    """The events to send from now on; replaces the previous subscription."""

    topics: Topics | None = None
    types: Types | None = None
    skus: Skus | None = None
    locations: Locations | None = None
    orders: Ids | None = None
    promotions: Ids | None = None
    snapshot: bool | None = None


class Message(Body):
    """One message of a client, with exactly one member."""

    subscribe: Subscription | None = None
    unsubscribe: bool | None = None
    ping: Any = None


class StreamQuery(Query):
    """The events to send, and where to resume."""

    topics: Annotated[Topics | None, BeforeValidator(_listed)] = None
    types: Annotated[Types | None, BeforeValidator(_listed)] = None
    skus: Annotated[Skus | None, BeforeValidator(_listed)] = None
    locations: Annotated[Locations | None, BeforeValidator(_listed)] = None
    orders: Annotated[Ids | None, BeforeValidator(_listed)] = None
    promotions: Annotated[Ids | None, BeforeValidator(_listed)] = None
    snapshot: Annotated[bool | None, BeforeValidator(_truth)] = None
    after: Token = ""
    last_event_id: Token = ""
    ticket: Ticket = ""


class TicketRequest(Body):
    """The permissions of a ticket; without ids, all events of the topics."""

    topics: Topics
    skus: Skus | None = None
    orders: Ids | None = None
    ttl_seconds: Annotated[int, Field(ge=LEAST_TTL_S, le=MOST_TTL_S)] = 600


class TicketAnswer(TypedDict):
    """A ticket and its expiry."""

    ticket: str
    expires_at: str
