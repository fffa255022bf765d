"""The service calls of push: event logs and stock levels. The only module of push that reads protobuf messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple, Protocol

from chassis import client
from chassis.errors import ServiceError
from chassis.events.event import JSON, PROTOBUF, Event
from chassis.events.event_types import EventTypes
from edge.clients import Clients
from edge.routes import levels
from gen.common.v1 import event_service_pb2 as events_pb
from gen.inventory.v1 import events_pb2 as inventory_events
from gen.inventory.v1 import stock_service_pb2 as stock_pb
from gen.order.v1 import events_pb2 as order_events
from gen.promo.v1 import events_pb2 as promo_events

LOG_TIMEOUT_S = 5.0
"""A page of a thousand events takes a few milliseconds."""
NEWEST = 2**62
"""As after_position: no event comes after it, and the response has the log's newest position."""


class Page(NamedTuple):
    """A part of a log: the events up to `position`, and where the log ends."""

    events: list[Event]
    position: int
    newest: int


class Forgotten(Exception):
    """The log no longer holds the requested events."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"the log begins at position {oldest}")
        self.oldest = oldest


class EventLog(Protocol):
    """One source's log, as `common.v1.EventService` shows it."""

    async def read(self, after: int, most: int) -> Page:
        """Events after a position, in order. Forgotten; ServiceError."""


class ServiceLog:
    """The log of one service."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    async def read(self, after: int, most: int) -> Page:
        request = events_pb.ListEventsRequest(after_position=after, page_size=most)
        try:
            answer = await client.call(self._stub.ListEvents, request, LOG_TIMEOUT_S)
        except ServiceError as refused:
            if refused.reason == "EVENTS_FORGOTTEN":
                raise Forgotten(int(refused.metadata.get("oldest_position", after + 1))) from refused
            raise
        return Page([_event(message) for message in answer.events], answer.position, answer.newest_position)


class Levels(NamedTuple):
    """Stock levels as REST shows them, with the skus that do not exist."""

    levels: list[dict[str, Any]]
    missing: list[str]


class StockReader:
    """Reads levels for snapshots."""

    def __init__(self, clients: Clients) -> None:
        self._stock = clients.stock

    async def read(self, skus: Sequence[str]) -> Levels:
        """Up to 500 skus. ServiceError."""
        answer = await client.call(self._stock.BatchGetStock, stock_pb.BatchGetStockRequest(skus=skus))
        found = [dict(levels.level(level)) for stock in answer.stocks for level in stock.levels]
        return Levels(found, list(answer.missing))


def event_types() -> EventTypes:
    """The message types of all events."""
    return EventTypes((inventory_events, order_events, promo_events))


def logs(clients: Clients) -> Mapping[str, EventLog]:
    """Each source's log."""
    return {source: ServiceLog(stub) for source, stub in clients.events.items()}


def _event(message: events_pb.Event) -> Event:
    readable = message.HasField("data")  # a type that the service itself no longer knows has none
    at = message.create_time.ToDatetime(UTC)
    return Event(
        message.id,
        message.source,
        message.type,
        message.key,
        message.position,
        at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        message.data.value if readable else b"null",
        PROTOBUF if readable else JSON,
    )
