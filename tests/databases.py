"""Fresh, migrated databases: each service's schema is made once per session and then copied."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from chassis.migrate import migrate

_templates: set[tuple[str, str]] = set()


def named(server_url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def create(server_url: str, service_database: str) -> str:
    """A new database with the schema of `inventory`, `orders` or `promo`; returns its URL."""
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


def _execute(url: str, statement: sql.SQL, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))
