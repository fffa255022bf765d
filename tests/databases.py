"""Fresh databases for tests: in Postgres copies of each service's schema, in Redis emptied database numbers."""

from __future__ import annotations

import secrets
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from chassis.migrate import migrate

_templates: set[tuple[str, str]] = set()


def named(server_url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def create(server_url: str, service_database: str) -> str:
    """A new database with the schema of `inventory`, `orders`, `promo` or `webhooks`; returns its URL."""
    template = f"{service_database}_template"
    if (server_url, template) not in _templates:
        drop(named(server_url, template))
        migrate(service_database, named(server_url, template))
        _templates.add((server_url, template))
    name = f"{service_database}_{secrets.token_hex(6)}"
    _execute(server_url, sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)
    return named(server_url, name)


def drop(url: str) -> None:
    """Removes a database and ends all connections to it."""
    _execute(named(url, "postgres"), sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), urlsplit(url).path[1:])


def copy(url: str) -> str:
    """A backup: a copy of the database in its current state; returns its URL. All connections are ended."""
    server, database, name = named(url, "postgres"), urlsplit(url).path[1:], f"backup_{secrets.token_hex(6)}"
    _execute(server, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false"), database)
    read(server, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", database)
    _execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, database)
    for one in (database, name):
        _execute(server, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true"), one)
    return named(url, name)


def restore(url: str, backup: str) -> None:
    """Replaces the database by the backup, which is used up; all connections are ended."""
    drop(url)
    _execute(
        named(url, "postgres"),
        sql.SQL("ALTER DATABASE {} RENAME TO {}"),
        urlsplit(backup).path[1:],
        urlsplit(url).path[1:],
    )


def write(url: str, statement: LiteralString) -> None:
    """Runs a statement and commits."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def read(url: str, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    """Returns the rows of a query."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement, values).fetchall()


def emptied(redis_url: str, number: int) -> str:
    """Empties a numbered Redis database; returns its URL."""
    url = named(redis_url, str(number))
    with redis.Redis.from_url(url) as server:
        server.flushdb()
    return url


def _execute(url: str, statement: sql.SQL, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))
