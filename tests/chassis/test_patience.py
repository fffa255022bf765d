"""A database whose connections have become silent: detected, dropped, replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from chassis import patience
from chassis.db import Database
from chassis.errors import ServiceError
from tests.fault.cluster import upstream
from tests.fault.proxy import Proxy

SHORT_S = 0.05


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(upstream(postgres_url))
    await proxy.start()
    yield proxy
    await proxy.close()


@pytest.fixture
async def database(postgres_url: str, proxy: Proxy) -> AsyncIterator[Database]:
    parts = urlsplit(postgres_url)
    login = parts.netloc.rpartition("@")[0]
    database = Database(urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}")))
    await database.open()
    yield database
    await database.close()


async def ask(database: Database) -> object:
    async with database.connection() as connection:
        return await (await connection.execute("SELECT 1")).fetchone()


async def test_a_statement_that_nobody_answers_ends_its_connection(database: Database, proxy: Proxy) -> None:
    assert await ask(database) == (1,)
    proxy.forget()
    with patience.of(SHORT_S), pytest.raises(ServiceError) as caught:
        await ask(database)
    assert caught.value.reason == "JOURNAL_UNREACHABLE"


async def test_connections_that_fell_silent_are_replaced(database: Database, proxy: Proxy) -> None:
    await ask(database)
    proxy.forget()
    with patience.of(SHORT_S):
        for _ in range(4):  # two were open, and the pool checks the rest by itself
            try:
                answer = await ask(database)
            except ServiceError:
                continue
            break
    assert answer == (1,)


async def test_the_server_ends_a_transaction_whose_client_has_vanished(database: Database) -> None:
    async with database.connection() as connection:
        row = await (await connection.execute("SHOW idle_in_transaction_session_timeout")).fetchone()
    assert row == ("20s",)
