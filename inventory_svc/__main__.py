"""The inventory service's composition root: read it from top to bottom."""

from __future__ import annotations

import uvloop

from chassis import redis, telemetry
from chassis.db import Database
from chassis.gate.adjustments import Adjustments
from chassis.gate.audit import Audit
from chassis.gate.claims import Claims
from chassis.gate.epochs import Epochs
from chassis.gate.gate import Gate
from chassis.gate.journal import Journal
from chassis.gate.keys import GateKeys
from chassis.gate.sweep import Sweeper
from chassis.jobs import Jobs
from chassis.relay import Relay
from chassis.server import Server, Servicer
from gen.inventory.v1 import (
    catalog_service_pb2,
    catalog_service_pb2_grpc,
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


async def serve(settings: config.Settings) -> None:
    """Runs until SIGTERM."""
    db = Database(settings.database_url, application="inventory")
    await db.open()
    gate_client = redis.connect(settings.gate_url)
    stream_client = redis.connect(settings.stream_url)

    gate = Gate(gate_client, GateKeys("inv", PARTITION))
    journal = Journal(db, PARTITION, "reservations")
    epochs = Epochs(db, gate, PARTITION, "stock_levels", "reservations")
    claims = Claims(gate, journal, epochs)
    adjustments = Adjustments(db, gate, PARTITION)
    sweeper = Sweeper(gate, journal, epochs, claims)
    audit = Audit(db, gate, epochs, PARTITION, "stock_levels", "stock_movements", "reservations")

    locations = Locations(db)
    catalog = Catalog(db, events.sku_changed)
    stock = Stock(db, adjustments)
    reservations = Reservations(db, claims, journal, gate, epochs, locations)
    fulfillment = Fulfillment(db, journal, adjustments)

    servicers = [
        Servicer(catalog_service_pb2, catalog_service_pb2_grpc, "CatalogService", CatalogServicer(catalog)),
        Servicer(
            stock_service_pb2,
            stock_service_pb2_grpc,
            "StockService",
            StockServicer(stock, Levels(db), locations, StockAudit(db, audit)),
        ),
        Servicer(
            reservation_service_pb2,
            reservation_service_pb2_grpc,
            "ReservationService",
            ReservationServicer(reservations, fulfillment),
        ),
    ]
    server = Server(settings.address, servicers, TABLE, epochs.is_serving)

    claims.start()
    relay = Relay(db, stream_client, "inventory")
    jobs = Jobs()
    jobs.start("watch-gate", epochs.watch, 1.0)
    jobs.start("sweep", sweeper.run_once, 1.0)
    jobs.start("expire-reservations", sweeper.expire_once, 0.5)
    jobs.start("apply-adjustments", adjustments.run_once, 1.0)
    jobs.start("expire-lots", ExpireLots(db, adjustments).run_once, 60.0)
    jobs.start("relay", relay.run_once, 0.1)

    await server.start()
    await server.run_until_stopped()

    await jobs.stop()
    await claims.close()
    await gate_client.aclose()
    await stream_client.aclose()
    await db.close()


def main() -> None:
    """`python -m inventory_svc`"""
    telemetry.configure("inventory")
    uvloop.run(serve(config.load()))


if __name__ == "__main__":
    main()
