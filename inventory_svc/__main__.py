"""The inventory service's composition root: read it from top to bottom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chassis import process, redis
from chassis.db import Database
from chassis.events.source import EventSource
from chassis.gate.partition import Partition, Tables
from chassis.jobs import Jobs
from chassis.leader import Leader
from chassis.retention import Retention
from chassis.server import Server, Servicer
from gen.inventory.v1 import (
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    events_pb2,
    reservation_service_pb2,
    reservation_service_pb2_grpc,
    stock_service_pb2,
    stock_service_pb2_grpc,
)
from inventory_svc import config
from inventory_svc.api.catalog import CatalogServicer
from inventory_svc.api.errors import TABLE
from inventory_svc.api.reservations import ReservationServicer
from inventory_svc.api.stock import StockServicer
from inventory_svc.app.audit import StockAudit
from inventory_svc.app.catalog import Catalog
from inventory_svc.app.fulfillment import Fulfillment
from inventory_svc.app.levels import Levels
from inventory_svc.app.locations import Locations
from inventory_svc.app.reservations import Reservations
from inventory_svc.app.stock import PARTITION, Stock
from inventory_svc.jobs.expire_lots import ExpireLots
from inventory_svc.store import events


@dataclass(frozen=True)
class Inventory:
    """The parts of a running service, for tests."""

    server: Server
    gate_client: redis.Client
    partition: Partition
    expire_lots: ExpireLots


@asynccontextmanager
async def running(settings: config.Settings) -> AsyncIterator[Inventory]:
    """The whole service, listening."""
    db = Database(settings.database_url, application="inventory")
    await db.open()
    gate_client = redis.connect(settings.gate_url)

    tables = Tables(
        levels="stock_levels", movements="stock_movements", reservations="reservations", audit_event="inventory.audit"
    )
    partition = Partition(db, gate_client, "inv", PARTITION, tables)
    events_out = EventSource(
        db, settings.broker_url, "inventory", [events_pb2], settings.events_content_type, partition.epochs.replace
    )

    locations = Locations(db)
    catalog = Catalog(db, events.sku_changed)
    stock = Stock(db, partition.adjustments)
    levels = Levels(db)
    reservations = Reservations(db, partition, locations)
    fulfillment = Fulfillment(db, partition.journal, partition.adjustments)

    stock_servicer = StockServicer(stock, levels, locations, StockAudit(db, partition))
    servicers = [
        events_out.servicer,
        Servicer(catalog_service_pb2, catalog_service_pb2_grpc, "CatalogService", CatalogServicer(catalog)),
        Servicer(stock_service_pb2, stock_service_pb2_grpc, "StockService", stock_servicer, ("GetStock",)),
        Servicer(
            reservation_service_pb2,
            reservation_service_pb2_grpc,
            "ReservationService",
            ReservationServicer(reservations, fulfillment),
            queued=("ReserveStock", "CommitReservation", "BatchCommitReservations", "ReleaseReservation"),
        ),
    ]
    server = Server(settings.address, servicers, TABLE, partition.epochs.is_serving)

    expire_lots = ExpireLots(db, partition.adjustments)
    jobs, leader = Jobs(), Leader(db, "inventory")
    leader.start()
    partition.start(jobs, leader.leading)
    catalog.start()
    levels.start()
    jobs.start("expire-lots", expire_lots.run_once, 60.0, leader.leading)
    events_out.start(jobs, leader)
    jobs.start("forget", Retention(db).run_once, 60.0, leader.leading)

    await server.start()
    try:
        yield Inventory(server, gate_client, partition, expire_lots)
    finally:
        await jobs.stop()
        await leader.close()
        await levels.close()
        await catalog.close()
        await partition.close()
        await gate_client.aclose()
        await events_out.close()
        await db.close()


async def serve(settings: config.Settings) -> None:
    """Runs until SIGTERM."""
    async with running(settings) as inventory:
        await inventory.server.run_until_stopped()


def main() -> None:
    """`python -m inventory_svc`"""
    process.run("inventory", config.load, serve)


if __name__ == "__main__":
    main()
