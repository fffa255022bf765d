"""The webhook service's composition root: read it from top to bottom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis import process
from chassis.db import Database
from chassis.events import consumer as consumers
from chassis.events import event_modules
from chassis.events.consumer import Consumer
from chassis.events.source import EventSource
from chassis.jobs import Jobs
from chassis.leader import Leader
from chassis.retention import Retention
from chassis.server import Server, Servicer
from chassis.services import NAMES
from gen.webhook.v1 import webhook_service_pb2, webhook_service_pb2_grpc
from webhook_svc import config
from webhook_svc.api.convert import EndpointReader
from webhook_svc.api.endpoints import WebhookEndpointServicer
from webhook_svc.api.errors import TABLE
from webhook_svc.app import directory as directories
from webhook_svc.app.bodies import Bodies
from webhook_svc.app.deliveries import Deliveries
from webhook_svc.app.directory import Directory
from webhook_svc.app.dispatch import Dispatch
from webhook_svc.app.endpoints import Endpoints
from webhook_svc.app.intake import CONSUMER, Intake
from webhook_svc.app.recording import Recording
from webhook_svc.app.sending import Sending
from webhook_svc.clients.receiver import Receiver
from webhook_svc.jobs import claim, forget, measure
from webhook_svc.jobs.claim import Claim
from webhook_svc.jobs.forget import Forget
from webhook_svc.jobs.measure import Measure

CONSUME_PAUSE_S = 0.01
"""Pause after a read without events; the read itself waits for events. While the broker is away it doubles, up to 5 s."""
PACE_S = 0.03
"""Pause between reads of events: events that arrive meanwhile share a transaction; receivers do not notice the delay."""


def now() -> datetime:
    """The time for due deliveries, ends of leases and signatures."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Delivering:
    """The parts that deliver, without the loops: tests run the rounds themselves."""

    database: Database
    directory: Directory
    dispatch: Dispatch
    recording: Recording
    intake: Intake
    claim: Claim
    forget: Forget
    measure: Measure
    endpoints: Endpoints
    deliveries: Deliveries


@asynccontextmanager
async def delivering(
    settings: config.Settings, database: Database, bodies: Bodies, receiver: Receiver, clock: Callable[[], datetime]
) -> AsyncIterator[Delivering]:
    """The parts that deliver, ready to send. On exit they give back the deliveries that they hold."""
    directory = Directory(database)
    await directory.refresh()
    recording = Recording(database, directory, clock, settings.given_up_after)
    sending = Sending(directory, receiver, clock, settings.given_up_after)
    dispatch = Dispatch(directory, sending.send, recording.record, clock, settings.timeout_s)
    recording.start()
    try:
        yield Delivering(
            database=database,
            directory=directory,
            dispatch=dispatch,
            recording=recording,
            intake=Intake(directory, bodies, dispatch, clock),
            claim=Claim(database, dispatch, clock),
            forget=Forget(database, clock),
            measure=Measure(database, clock),
            endpoints=Endpoints(database, directory, clock, dispatch.look_for),
            deliveries=Deliveries(database, clock, dispatch.look_for),
        )
    finally:
        await dispatch.close()
        await recording.close()


@dataclass(frozen=True)
class Webhooks:
    """The running service, with the parts that tests use."""

    server: Server
    delivering: Delivering


@asynccontextmanager
async def running(settings: config.Settings, clock: Callable[[], datetime] = now) -> AsyncIterator[Webhooks]:
    """The whole service, listening."""
    db = Database(settings.database_url, application="webhook")
    await db.open()
    events_out = EventSource(db, settings.broker_url, "webhook", event_modules.every(), settings.events_content_type)
    receiver = Receiver(settings.allow_private, settings.timeout_s)
    async with delivering(settings, db, Bodies(events_out.types), receiver, clock) as parts:
        consumer = Consumer(db, events_out.broker, CONSUMER, NAMES, (), parts.intake.handle, PACE_S)
        reader = EndpointReader(events_out.types.types().keys(), settings.allow_private)
        servicer = WebhookEndpointServicer(parts.endpoints, parts.deliveries, reader)
        servicers = [
            events_out.servicer,
            Servicer(webhook_service_pb2, webhook_service_pb2_grpc, "WebhookEndpointService", servicer),
        ]

        server = Server(settings.address, servicers, TABLE, db.writable)
        jobs, leader = Jobs(), Leader(db, "webhook")
        leader.start()
        events_out.start(jobs, leader)
        jobs.start("consume", consumer.run_once, CONSUME_PAUSE_S, leader.leading)
        jobs.start("consume-again", consumer.retry_once, consumers.RETRY_PAUSE_S, leader.leading)
        jobs.start("directory", parts.directory.refresh, directories.FRESH_S)
        jobs.start("claim", parts.claim.run_once, claim.PAUSE_S, None, claim.REST, parts.dispatch.wake)
        jobs.start("measure", parts.measure.run_once, measure.PAUSE_S, leader.leading)
        jobs.start("forget-deliveries", parts.forget.run_once, forget.PAUSE_S, leader.leading)
        jobs.start("forget", Retention(db).run_once, 60.0, leader.leading)
        await server.start()
        try:
            yield Webhooks(server, parts)
        finally:
            await jobs.stop()
            await leader.close()
            await consumer.close()
    await receiver.close()
    await events_out.close()
    await db.close()


async def serve(settings: config.Settings) -> None:
    """Runs until SIGTERM."""
    async with running(settings) as webhooks:
        await webhooks.server.run_until_stopped()


def main() -> None:
    """`python -m webhook_svc`"""
    process.run("webhook", config.load, serve)


if __name__ == "__main__":
    main()
