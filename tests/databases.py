"""Fresh databases for tests: in Postgres copies of each service's schema, in Redis emptied numbers."""

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
    """Removes a database, whoever is still connected."""
    _execute(named(url, "postgres"), sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), urlsplit(url).path[1:])


def read(url: str, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    """What a query answers."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement, values).fetchall()


def emptied(redis_url: str, number: int) -> str:
    """A numbered Redis database with nothing in it; returns its URL."""
    url = named(redis_url, str(number))
    with redis.Redis.from_url(url) as server:
        server.flushdb()
    return url


def _execute(url: str, statement: sql.SQL, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))
