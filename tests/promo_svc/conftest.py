"""A promo_svc inside the test's process, on a database and a gate of its own, and a stub that talks to it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable

import pytest

from chassis import client
from chassis.events.event import PROTOBUF
from gen.promo.v1.promotion_service_pb2_grpc import PromotionServiceStub
from promo_svc.__main__ import Promo, running
from promo_svc.config import Settings
from tests import databases

GATE_DATABASE = 5
STREAM_DATABASE = 6
"""Redis databases of these tests: their gate may be emptied without touching anybody else's."""


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


@pytest.fixture
def sql(settings: Settings) -> Callable[..., list[tuple[object, ...]]]:
    """Reads the service's database directly."""
    return functools.partial(databases.read, settings.database_url)
