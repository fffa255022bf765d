"""A database with an outbox, an empty Redis database for streams, and a relay between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from chassis import redis
from chassis.db import Database
from chassis.events import connection, outbox
from chassis.events.broker import Broker
from chassis.events.event_types import EventTypes
from chassis.events.relay import Relay
from chassis.redis import Client
from gen.promo.v1 import events_pb2
from tests import databases

STREAM_DATABASE = 9
TYPE = "promo.redemption.created"

Put = Callable[[str, int], Awaitable[None]]


@pytest.fixture
async def db(new_database: Callable[[str], str]) -> AsyncIterator[Database]:
    """A fresh database of the promotion service."""
    database = Database(new_database("promo"))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def stream_url(valkey_url: str) -> str:
    """An empty Redis database."""
    return databases.emptied(valkey_url, STREAM_DATABASE)


@pytest.fixture
async def streams(stream_url: str) -> AsyncIterator[Client]:
    """A client of it."""
    client = redis.connect(stream_url)
    yield client
    await client.aclose()


@pytest.fixture
async def broker(stream_url: str) -> AsyncIterator[Broker]:
    """Redis Streams."""
    one = connection.connect(stream_url)
    yield one
    await one.close()


@pytest.fixture
def event_types() -> EventTypes:
    """The event types of promo."""
    return EventTypes([events_pb2])


@pytest.fixture
async def relay(db: Database, broker: Broker, event_types: EventTypes) -> AsyncIterator[Relay]:
    """Promo's relay."""
    one = Relay(db, broker, "promo", event_types)
    yield one
    await one.close()


@pytest.fixture
def put(db: Database) -> Put:
    """Writes the event of a redemption, whose id is the number."""

    async def put(key: str, number: int) -> None:
        async with db.transaction() as tx:
            await outbox.put(tx, type=TYPE, key=key, payload={"redemption": {"redemption_id": str(number)}})

    return put
