"""Composition root of the order service: settings, pool, stores, clients, use cases, servicers, serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc

from chassis import client, process
from chassis.db import Database
from chassis.events.source import EventSource
from chassis.jobs import Jobs
from chassis.leader import Leader
from chassis.retention import Retention
from chassis.server import Server, Servicer
from gen.order.v1 import (
    audit_service_pb2,
    audit_service_pb2_grpc,
    events_pb2,
    order_service_pb2,
    order_service_pb2_grpc,
    saga_service_pb2,
    saga_service_pb2_grpc,
)
from order_svc import config
from order_svc.api.audit import AuditServicer
from order_svc.api.errors import TABLE
from order_svc.api.orders import OrderServicer
from order_svc.api.sagas import SagaServicer
from order_svc.app.auditing import AuditOrders
from order_svc.app.cancelling import CancelOrder
from order_svc.app.checkout import Checkout
from order_svc.app.payment_events import RecordPaymentEvent
from order_svc.app.placing import PlaceOrder
from order_svc.app.reading import ReadOrders
from order_svc.app.repairing import RepairFinding
from order_svc.app.runs import Runs
from order_svc.app.saga import Saga
from order_svc.app.steering import SteerSagas
from order_svc.app.steps import Clock
from order_svc.app.undo import Undo
from order_svc.clients.evidence import Witnesses
from order_svc.clients.inventory import Inventory
from order_svc.clients.payments import PaymentProvider
from order_svc.clients.promotions import Promotions
from order_svc.clients.sandbox import Sandbox
from order_svc.jobs.count_stuck import CountStuck
from order_svc.jobs.resume import PAUSE_S, Resume
from order_svc.store.audit_walk import AuditWalk
from order_svc.store.findings import Findings
from order_svc.store.history import History
from order_svc.store.leases import Leases
from order_svc.store.orders import Orders
from order_svc.store.sandbox_payments import SandboxPayments


@dataclass(frozen=True)
class Service:
    """The servicers and jobs of a process."""

    servicers: list[Servicer]
    resume: Resume
    audit: AuditOrders


def compose(
    db: Database,
    inventory: grpc.aio.Channel,
    promo: grpc.aio.Channel,
    providers: Mapping[str, PaymentProvider],
    payment_wait_s: int,
    clock: Clock,
) -> Service:
    """Builds everything between the database and the servicers."""
    orders, leases, history = Orders(db), Leases(db), History(db)
    stock, promotions = Inventory(inventory), Promotions(promo)
    checkout = Checkout(stock, promotions, providers, clock, payment_wait_s)
    saga = Saga(orders, checkout, Undo(stock, promotions, providers, clock))
    runs = Runs(saga, orders)
    cancel = CancelOrder(orders, leases, runs)
    order_servicer = OrderServicer(
        PlaceOrder(orders, leases, checkout, runs),
        ReadOrders(orders, history),
        cancel,
        RecordPaymentEvent(orders, leases, runs, providers),
    )
    saga_servicer = SagaServicer(SteerSagas(orders, leases, history, runs, clock), cancel)
    servicers = [
        Servicer(order_service_pb2, order_service_pb2_grpc, "OrderService", order_servicer, ("PlaceOrder",)),
        Servicer(saga_service_pb2, saga_service_pb2_grpc, "SagaService", saga_servicer),
    ]
    walk, findings = AuditWalk(db), Findings(db)
    audit = AuditOrders(walk, findings, Witnesses(inventory, promo), providers, clock)
    repair = RepairFinding(audit, findings, orders, leases, runs, cancel, stock, promotions, providers)
    audit_servicer = AuditServicer(audit, repair, findings, walk)
    servicers.append(Servicer(audit_service_pb2, audit_service_pb2_grpc, "AuditService", audit_servicer))
    return Service(servicers, Resume(leases, saga), audit)


async def serve(settings: config.Settings) -> None:
    """Runs until SIGTERM."""
    db = Database(settings.database_url, application="order")
    await db.open()
    events_out = EventSource(db, settings.broker_url, "order", [events_pb2], settings.events_content_type)
    inventory = client.connect(settings.inventory_address, settings.inventory_connections)
    promo = client.connect(settings.promo_address, settings.promo_connections)

    sandbox = Sandbox(SandboxPayments(db))
    service = compose(db, inventory, promo, {sandbox.name: sandbox}, settings.payment_wait_s, now)
    server = Server(settings.address, [*service.servicers, events_out.servicer], TABLE, db.writable)

    jobs, leader = Jobs(), Leader(db, "order")
    leader.start()
    jobs.start("resume", service.resume.run_once, PAUSE_S)
    events_out.start(jobs, leader)
    jobs.start("audit", service.audit.run_once, 1.0, leader.leading)
    jobs.start("count-stuck", CountStuck(db).run_once, 10.0)
    jobs.start("forget", Retention(db, keeps_requests=False).run_once, 60.0, leader.leading)

    await server.start()
    await server.run_until_stopped()

    await jobs.stop()
    await leader.close()
    await inventory.close()
    await promo.close()
    await events_out.close()
    await db.close()


def now() -> datetime:
    """The time that orders and their history carry."""
    return datetime.now(UTC)


def main() -> None:
    """`python -m order_svc`"""
    process.run("order", config.load, serve)


if __name__ == "__main__":
    main()
