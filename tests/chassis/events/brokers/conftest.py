"""Every broker that is installed, one after the other, with sources and groups that nobody else has."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from chassis.events import broker as brokers
from chassis.events.broker import Broker
from tests import brokers as servers
from tests.brokers import Server


@pytest.fixture(scope="session", params=servers.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Which broker."""
    found = str(request.param)
    why = servers.missing(found)
    if why:
        pytest.skip(why)
    return found


@pytest.fixture(scope="session")
def server(name: str) -> Iterator[Server]:
    """One for all tests; each has a source of its own there."""
    with servers.running(name) as one:
        yield one


@pytest.fixture
async def broker(server: Server) -> AsyncIterator[Broker]:
    """A connection to it."""
    one = brokers.connect(server.url)
    yield one
    await one.close()


@pytest.fixture
def new_source(server: Server) -> Callable[[], str]:
    """Sources that nobody else has."""

    def make() -> str:
        source = f"source-{secrets.token_hex(4)}"
        server.make_source(source)
        return source

    return make


@pytest.fixture
def source(new_source: Callable[[], str]) -> str:
    """One of them."""
    return new_source()


@pytest.fixture
def group() -> str:
    """A group that nobody else has."""
    return f"group-{secrets.token_hex(4)}"
