"""The promotion service's composition root: read it from top to bottom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis import process, redis
from chassis.db import Database
from chassis.events.consumer import RETRY_PAUSE_S, Consumer
from chassis.events.source import EventSource
from chassis.gate.partition import Partition, Tables
from chassis.jobs import Jobs
from chassis.leader import Leader
from chassis.retention import Retention
from chassis.server import Server, Servicer
from gen.inventory.v1 import events_pb2 as inventory_events_pb2
from gen.order.v1 import events_pb2 as order_events_pb2
from gen.promo.v1 import (
    customer_service_pb2,
    customer_service_pb2_grpc,
    events_pb2,
    promotion_service_pb2,
    promotion_service_pb2_grpc,
)
from promo_svc import config
from promo_svc.api import order_events, stock_events
from promo_svc.api.customer_service import CustomerServicer
from promo_svc.api.errors import TABLE
from promo_svc.api.order_events import OrderEvents
from promo_svc.api.promotion_service import PromotionServicer
from promo_svc.api.stock_events import StockEvents
from promo_svc.app.catalogue import Catalogue
from promo_svc.app.limits import Limits
from promo_svc.app.notices import Notices
from promo_svc.app.promotions import Promotions
from promo_svc.app.purchases import Purchases
from promo_svc.app.quotes import Quotes
from promo_svc.app.redemptions import Redemptions
from promo_svc.app.stock import Stock
from promo_svc.store.keys import GATE_PREFIX, PARTITION

PACE_S = 0.1
"""Pause between reads of events: history and availability may be a tenth of a second old."""
LISTEN_PAUSE_S = 0.02
"""Pause between rounds of a consumer; each round waits for events. While the broker is away it doubles, up to 5 s."""


@dataclass(frozen=True)
class Promo:
    """The running service, with the parts that tests use."""

    server: Server
    gate_client: redis.Client
    partition: Partition


def now() -> datetime:
    """The time for which quotes are computed."""
    return datetime.now(UTC)


@asynccontextmanager
async def running(settings: config.Settings) -> AsyncIterator[Promo]:
    """The whole service, listening."""
    db = Database(settings.database_url, application="promo")
    await db.open()
    gate_client = redis.connect(settings.gate_url)

    tables = Tables(
        levels="usage_levels", movements="usage_movements", reservations="redemptions", audit_event="promo.audit"
    )
    partition = Partition(db, gate_client, GATE_PREFIX, PARTITION, tables)
    modules = [events_pb2, order_events_pb2, inventory_events_pb2]
    events_out = EventSource(
        db, settings.broker_url, "promo", modules, settings.events_content_type, partition.epochs.replace
    )

    catalogue = Catalogue(db)
    limits = Limits(db, partition.adjustments)
    promotions = Promotions(db, catalogue, limits)
    quotes = Quotes(db, catalogue, now)
    redemptions = Redemptions(db, partition, catalogue, limits, now)
    purchases = Purchases(db)
    listening = consumers(db, events_out, purchases, Stock())

    servicer = PromotionServicer(promotions, quotes, redemptions)
    customers = CustomerServicer(purchases, Notices(db))
    servicers = [
        events_out.servicer,
        Servicer(
            promotion_service_pb2,
            promotion_service_pb2_grpc,
            "PromotionService",
            servicer,
            queued=("QuotePromotions", "CommitRedemption", "BatchCommitRedemptions", "ReleaseRedemption"),
        ),
        Servicer(customer_service_pb2, customer_service_pb2_grpc, "CustomerService", customers),
    ]
    server = Server(settings.address, servicers, TABLE, partition.epochs.is_serving)

    jobs, leader = Jobs(), Leader(db, "promo")
    leader.start()
    partition.start(jobs, leader.leading)
    limits.start()
    events_out.start(jobs, leader)
    jobs.start("forget", Retention(db).run_once, 60.0, leader.leading)
    listen(listening, jobs, leader)

    await server.start()
    try:
        yield Promo(server, gate_client, partition)
    finally:
        await jobs.stop()
        for consumer in listening:
            await consumer.close()
        await leader.close()
        await limits.close()
        await partition.close()
        await gate_client.aclose()
        await events_out.close()
        await db.close()


def consumers(db: Database, events_out: EventSource, purchases: Purchases, stock: Stock) -> list[Consumer]:
    """The consumers, each with its source service and event types."""
    types, broker = events_out.types, events_out.broker
    return [
        Consumer(db, broker, "purchases", ["order"], order_events.TYPES, OrderEvents(types, purchases), PACE_S),
        Consumer(db, broker, "stock", ["inventory"], stock_events.TYPES, StockEvents(types, stock), PACE_S),
    ]


def listen(listening: Sequence[Consumer], jobs: Jobs, leader: Leader) -> None:
    """Starts the consumers and their retries in the leading process."""
    for consumer in listening:
        jobs.start(f"consume-{consumer.name}", consumer.run_once, LISTEN_PAUSE_S, leader.leading)
        jobs.start(f"retry-{consumer.name}", consumer.retry_once, RETRY_PAUSE_S, leader.leading)


async def serve(settings: config.Settings) -> None:
    """Runs until SIGTERM."""
    async with running(settings) as promo:
        await promo.server.run_until_stopped()


def main() -> None:
    """`python -m promo_svc`"""
    process.run("promo", config.load, serve)


if __name__ == "__main__":
    main()
