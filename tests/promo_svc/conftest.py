"""A promo_svc inside the test's process, with its own database and gate, and a stub that calls it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable

import pytest

from chassis import client
from chassis.db import Database
from chassis.events import connection
from chassis.events.broker import Broker
from chassis.events.consumer import Consumer
from chassis.events.event import PROTOBUF
from chassis.events.event_types import EventTypes
from gen.inventory.v1 import events_pb2 as inventory_events_pb2
from gen.order.v1 import events_pb2 as order_events_pb2
from gen.promo.v1 import events_pb2
from gen.promo.v1.customer_service_pb2_grpc import CustomerServiceStub
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from promo_svc.__main__ import Promo, running
from promo_svc.api import order_events, stock_events
from promo_svc.api.order_events import OrderEvents
from promo_svc.api.stock_events import StockEvents
from promo_svc.app.purchases import Purchases
from promo_svc.app.stock import Stock
from promo_svc.config import Settings
from tests import databases

GATE_DATABASE = 5
STREAM_DATABASE = 6
"""Redis databases of these tests: their gate may be emptied without effect on other tests."""


@pytest.fixture(scope="module")
def settings(new_database: Callable[[str], str], valkey_url: str) -> Settings:
    """A fresh database, an empty gate."""
    gate, stream = (databases.emptied(valkey_url, number) for number in (GATE_DATABASE, STREAM_DATABASE))
    return Settings("127.0.0.1:0", new_database("promo"), gate, stream, PROTOBUF)


@pytest.fixture(scope="module")
async def process(settings: Settings) -> AsyncIterator[Promo]:
    """The whole service, with its background jobs; the gate is loaded."""
    async with running(settings) as promo:
        await promo.partition.epochs.ensure(0)
        yield promo
        await promo.server.stop()


@pytest.fixture(scope="module")
async def promo(process: Promo) -> AsyncIterator[PromotionServiceStub]:
    """A stub connected to the service."""
    async with client.connect(f"127.0.0.1:{process.server.port}") as channel:
        yield PromotionServiceStub(channel)


@pytest.fixture(scope="module")
async def customers(process: Promo) -> AsyncIterator[CustomerServiceStub]:
    """A stub of the other service at the same address."""
    async with client.connect(f"127.0.0.1:{process.server.port}") as channel:
        yield CustomerServiceStub(channel)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The service's database."""
    one = Database(settings.database_url)
    await one.open()
    yield one
    await one.close()


@pytest.fixture
async def broker(settings: Settings) -> AsyncIterator[Broker]:
    """The broker that the service uses."""
    one = connection.connect(settings.broker_url)
    yield one
    await one.close()


@pytest.fixture
def event_types() -> EventTypes:
    """The event types that promo emits and consumes."""
    return EventTypes([events_pb2, order_events_pb2, inventory_events_pb2])


@pytest.fixture
async def on_orders(database: Database, broker: Broker, event_types: EventTypes) -> AsyncIterator[Consumer]:
    """The consumer of orders, created as in the service, but separate from the service's own."""
    handle = OrderEvents(event_types, Purchases(database))
    one = Consumer(database, broker, "purchases", ["order"], order_events.TYPES, handle)
    yield one
    await one.close()


@pytest.fixture
async def on_stock(database: Database, broker: Broker, event_types: EventTypes) -> AsyncIterator[Consumer]:
    """The consumer of stock levels, created as in the service."""
    handle = StockEvents(event_types, Stock())
    one = Consumer(database, broker, "stock", ["inventory"], stock_events.TYPES, handle)
    yield one
    await one.close()


@pytest.fixture
def sql(settings: Settings) -> Callable[..., list[tuple[object, ...]]]:
    """Reads the service's database directly."""
    return functools.partial(databases.read, settings.database_url)
