"""webhook_svc inside the test's process: a real database, a real receiver, and a clock that the test moves."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from aiohttp import web

from chassis import client
from chassis.db import Database
from chassis.events.event import PROTOBUF
from gen.webhook.v1.webhook_service_pb2_grpc import WebhookEndpointServiceStub
from tests import databases
from tests.webhook_svc.bench import Bench, Clock, bench
from tests.webhook_svc.receiver import Received, Receiver
from webhook_svc.__main__ import Webhooks, running
from webhook_svc.config import Settings

STREAM_DATABASE = 10


@pytest.fixture(scope="module")
def settings(new_database: Callable[[str], str], valkey_url: str) -> Settings:
    """A fresh database, empty streams; endpoints may be in this process."""
    return settings_for(new_database("webhooks"), databases.emptied(valkey_url, STREAM_DATABASE))


def settings_for(database_url: str, broker_url: str, timeout_s: float = 5.0) -> Settings:
    """Settings as in development."""
    return Settings(
        address="127.0.0.1:0",
        database_url=database_url,
        broker_url=broker_url,
        events_content_type=PROTOBUF,
        allow_private=True,
        given_up_after=timedelta(hours=72),
        timeout_s=timeout_s,
    )


@pytest.fixture(scope="module")
async def process(settings: Settings) -> AsyncIterator[Webhooks]:
    """The whole service, with its background jobs."""
    async with running(settings) as webhooks:
        yield webhooks
        await webhooks.server.stop()


@pytest.fixture(scope="module")
async def stub(process: Webhooks) -> AsyncIterator[WebhookEndpointServiceStub]:
    """A stub connected to the service."""
    async with client.connect(f"127.0.0.1:{process.server.port}") as channel:
        yield WebhookEndpointServiceStub(channel)


@pytest.fixture
def sql(settings: Settings) -> Callable[..., list[tuple[object, ...]]]:
    """Reads the service's database directly."""
    return functools.partial(databases.read, settings.database_url)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of webhooks."""
    one = Receiver()
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
def clock() -> Clock:
    """A clock that starts at the current time."""
    return Clock()


@pytest.fixture
async def db(new_database: Callable[[str], str]) -> AsyncIterator[Database]:
    """A database of one test."""
    database = Database(new_database("webhooks"))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def work(db: Database, clock: Clock) -> AsyncIterator[Bench]:
    """The delivering parts, without loops: each step is the test's."""
    async with bench(db, clock) as one:
        yield one


@pytest.fixture
async def hang(receiver: Receiver) -> AsyncIterator[Callable[[Received], Awaitable[web.Response]]]:
    """An answer that arrives when the test is over."""
    over = asyncio.Event()

    async def wait(_received: Received) -> web.Response:
        await over.wait()
        return web.Response()

    yield wait
    over.set()
