"""Fixtures for every test: real servers per session, fresh databases, the whole product."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from chassis import process
from tests import config, databases, servers
from tests import stack as stacks
from tests.stack import Stack

PROCESSES_MAX = 4
LONG = tuple(f"tests/{folder}/" for folder in ("restore", "siege", "fuzz", "fault", "delivery", "e2e", "demo"))
"""They start whole products. They run first, so that no core waits at the end for the last of them."""


def pytest_configure() -> None:
    """Allows five hundred connections in one process, and sets a key for the page tokens of its servers."""
    process.allow_many_connections()
    config.load()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; otherwise the order is unchanged."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_xdist_auto_num_workers() -> int:
    """The meaning of `-n auto`: a process per core, at most four, since each has its own servers and product.

    Servers given by URLs have one set of databases, so only one process tests on them.
    """
    given = config.load()
    if given.database_url is not None or given.redis_url is not None:
        return 0
    return min(os.cpu_count() or 1, PROCESSES_MAX)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A Postgres for the session, embedded or that of TEST_DATABASE_URL; the URL names the database `postgres`."""
    given = config.load().database_url
    if given is not None:
        yield given
        return
    with servers.running_postgres() as running:
        yield running.url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A Valkey for the session, embedded or that of TEST_REDIS_URL; the URL names database 0."""
    given = config.load().redis_url
    if given is not None:
        yield given
        return
    with servers.running_valkey() as running:
        yield running.url


@pytest.fixture(scope="module")
def new_database(postgres_url: str) -> Iterator[Callable[[str], str]]:
    """Makes fresh, migrated databases: `new_database("orders")` returns a URL; they are gone after the module."""
    made: list[str] = []

    def make(service_database: str) -> str:
        made.append(databases.create(postgres_url, service_database))
        return made[-1]

    yield make
    for url in made:
        databases.drop(url)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole product, once per session; a test that kills its children starts a separate one with stack.running()."""
    given = config.load()
    environment = {}
    if given.database_url is not None:
        environment["DATABASE_URL"] = given.database_url
    if given.redis_url is not None:  # separate databases: tests of the gate empty theirs
        environment["REDIS_URL"] = databases.named(given.redis_url, "2")
        environment["BROKER_URL"] = databases.named(given.redis_url, "3")
    with stacks.running(**environment) as running:
        yield running
