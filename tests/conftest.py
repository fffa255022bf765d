"""Fixtures that every test may ask for: real servers per session, fresh databases, the whole product."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import config, servers


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
