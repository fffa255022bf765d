"""An inventory_svc inside the test's process, with its own database and gate, and stubs that call it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable

import pytest

from chassis import client
from chassis.events.event import PROTOBUF
from inventory_svc.__main__ import Inventory, running
from inventory_svc.config import Settings
from tests import databases
from tests.inventory_svc.calls import Stubs, located

GATE_DATABASE = 7
STREAM_DATABASE = 8
"""Redis databases of these tests: their gate may be emptied without effect on other tests."""


@pytest.fixture(scope="module")
def settings(new_database: Callable[[str], str], valkey_url: str) -> Settings:
    """A fresh database, an empty gate."""
    gate, stream = (databases.emptied(valkey_url, number) for number in (GATE_DATABASE, STREAM_DATABASE))
    return Settings("127.0.0.1:0", new_database("inventory"), gate, stream, PROTOBUF)


@pytest.fixture(scope="module")
async def process(settings: Settings) -> AsyncIterator[Inventory]:
    """The whole service, with its background jobs; the gate is loaded."""
    async with running(settings) as inventory:
        await inventory.partition.epochs.ensure(0)
        yield inventory
        await inventory.server.stop()


@pytest.fixture(scope="module")
async def inventory(process: Inventory) -> AsyncIterator[Stubs]:
    """Stubs connected to the service; the locations berlin and lyon exist."""
    async with client.connect(f"127.0.0.1:{process.server.port}") as channel:
        stubs = Stubs(channel)
        await located(stubs, "berlin", "Europe/Berlin", 1)
        await located(stubs, "lyon", "Europe/Paris", 2)
        yield stubs


@pytest.fixture
def sql(settings: Settings) -> Callable[..., list[tuple[object, ...]]]:
    """Reads the service's database directly."""
    return functools.partial(databases.read, settings.database_url)
