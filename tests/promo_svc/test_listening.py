"""Events on their way through outbox, relay and broker to a consumer, and consumers that die. No service runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from google.protobuf import json_format

from chassis.db import Database
from chassis.events import outbox
from chassis.events.broker import Broker
from chassis.events.consumer import Consumer
from chassis.events.event_types import EventTypes
from chassis.events.relay import Relay
from promo_svc.store import promotions, stock
from tests.promo_svc import calls, told
from tests.promo_svc.builders import percent

Sql = Callable[..., list[tuple[Any, ...]]]
CROSSINGS = "SELECT type FROM outbox WHERE key = %s ORDER BY id"
ROW = "SELECT version, xmin::text FROM purchases WHERE order_id = %s"


@pytest.fixture
async def order_relay(
    new_database: Callable[[str], str], broker: Broker, event_types: EventTypes
) -> AsyncIterator[tuple[Database, Relay]]:
    """order_svc's outbox and the relay to the broker."""
    orders = Database(new_database("orders"))
    await orders.open()
    relay = Relay(orders, broker, "order", event_types)
    yield orders, relay
    await relay.close()
    await orders.close()


async def test_events_come_through_relay_and_broker_and_survive_consumers_that_die(
    order_relay: tuple[Database, Relay], broker: Broker, on_orders: Consumer, sql: Sql
) -> None:
    orders, relay = order_relay
    order = calls.new_id("order")
    async with orders.transaction() as tx:
        message = told.order_changed(order, 2)
        payload = json_format.MessageToDict(message, preserving_proto_field_name=True)
        await outbox.put(tx, type="order.order.confirmed", key=order, payload=payload)
    await relay.run_once()
    died_before = await broker.subscribe("purchases", ["order"])
    assert await died_before.next(1.0) is not None
    await died_before.close()
    assert sql(ROW, order) == []
    died_after = await broker.subscribe("purchases", ["order"])
    batch = await died_after.next(1.0)
    assert batch is not None
    await on_orders.take(batch)
    await died_after.close()
    assert len(sql(ROW, order)) == 1
    before = sql(ROW, order)
    assert await on_orders.run_once() == 1, "it comes again"
    assert sql(ROW, order) == before


async def test_a_crossing_whose_consumer_died_is_told_once(
    new_database: Callable[[str], str],
    database: Database,
    broker: Broker,
    event_types: EventTypes,
    on_stock: Consumer,
    sql: Sql,
) -> None:
    sku = calls.new_id("SKU")
    promotion = percent(calls.new_id("promotion"), 1_000, stock_skus=(sku,), minimum_available=10)
    async with database.transaction() as tx:
        await promotions.insert(tx, promotion)
        await stock.couple(tx, promotion)
    inventory = Database(new_database("inventory"))
    await inventory.open()
    relay = Relay(inventory, broker, "inventory", event_types)
    async with inventory.transaction() as tx:
        level = {"sku": sku, "location": "berlin", "available": 12, "version": 1}
        await outbox.put(tx, type="inventory.stock_level.changed", key=sku, payload={"level": level})
    await relay.run_once()
    died_before = await broker.subscribe("stock", ["inventory"])
    assert await died_before.next(1.0) is not None
    await died_before.close()
    assert sql(CROSSINGS, promotion.promotion_id) == []
    died_after = await broker.subscribe("stock", ["inventory"])
    batch = await died_after.next(1.0)
    assert batch is not None
    await on_stock.take(batch)
    await died_after.close()
    assert await on_stock.run_once() == 1, "it comes again"
    assert sql(CROSSINGS, promotion.promotion_id) == [("promo.promotion.resumed",)]
    await relay.close()
    await inventory.close()
