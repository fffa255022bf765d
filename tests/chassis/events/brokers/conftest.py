"""Every installed broker, one after the other, with sources and groups of each test's own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from chassis.events import connection
from chassis.events.broker import Broker
from tests import brokers as servers
from tests.brokers import Server


@pytest.fixture(scope="session", params=servers.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The broker's name."""
    found = str(request.param)
    why = servers.missing(found)
    if why:
        pytest.skip(why)
    return found


@pytest.fixture(scope="session")
def server(name: str) -> Iterator[Server]:
    """One server for all tests; each test has its own source there."""
    with servers.running(name) as one:
        yield one


@pytest.fixture
async def broker(server: Server) -> AsyncIterator[Broker]:
    """A connection to it."""
    one = connection.connect(server.url)
    yield one
    await one.close()


@pytest.fixture
def new_source(server: Server) -> Callable[[], str]:
    """Creates sources that no other test uses."""

    def make() -> str:
        source = f"source-{secrets.token_hex(4)}"
        server.make_source(source)
        return source

    return make


@pytest.fixture
def source(new_source: Callable[[], str]) -> str:
    """One such source."""
    return new_source()


@pytest.fixture
def group() -> str:
    """A group that no other test uses."""
    return f"group-{secrets.token_hex(4)}"
