"""Brings a database up to date: creates it when missing, runs Alembic, installs the functions.

Functions are code, not data: after the versions, every run installs them again, like Flyway's repeatable migrations.
"""

from __future__ import annotations

import contextlib
import sys
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from alembic import command, context
from alembic.config import Config
from psycopg import sql
from sqlalchemy import create_engine, pool

from chassis import config, services
from chassis.events import schema

PACKAGES = {service.database: service.package for service in sorted(services.SERVICES)}
"""Of each database: the package that has its migrations."""
LOCK = 7_401_002
"""The advisory lock that makes concurrent migrations run one after the other."""


def run_environment() -> None:
    """Runs the versions on the URL that `migrate` set. Every migrations/env.py calls it."""
    url = context.config.get_main_option("sqlalchemy.url") or ""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


def migrate(database: str, url: str) -> None:
    """Brings `database` (inventory, orders, promo or webhooks) at `url` up to date. A repeat changes nothing."""
    create_database(url)
    package = import_module(PACKAGES[database])
    folder = Path(str(package.__file__)).parent / "migrations"
    settings = Config()
    settings.set_main_option("script_location", str(folder))
    settings.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        command.upgrade(settings, "head")
        functions = schema.statements()
        if (folder / "functions.py").exists():
            functions += import_module(f"{PACKAGES[database]}.migrations.functions").statements()
        with connection.transaction():
            for statement in functions:
                connection.execute(statement)


def create_database(url: str) -> None:
    """Creates the URL's database unless it exists."""
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    for maintenance in ("postgres", "template1"):
        try:
            server = psycopg.connect(urlunsplit(parts._replace(path=f"/{maintenance}")), autocommit=True)
            break
        except psycopg.OperationalError as failed:
            if "does not exist" not in str(failed):
                raise
    with server as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return
        with contextlib.suppress(psycopg.errors.DuplicateDatabase):  # another process was faster
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def main() -> None:
    """`python -m chassis.migrate inventory|orders|promo|webhooks`, or `one-stock-migrate` where it is installed."""
    if len(sys.argv) != 2 or sys.argv[1] not in PACKAGES:
        name = Path(sys.argv[0]).name
        program = "python -m chassis.migrate" if name.endswith(".py") else name
        raise SystemExit(f"usage: {program} {'|'.join(PACKAGES)}")
    try:
        migrate(sys.argv[1], config.database_url(sys.argv[1]))
    except (psycopg.OperationalError, config.ConfigError) as failed:
        raise SystemExit(f"migrate {sys.argv[1]}: {str(failed).strip()}") from None


if __name__ == "__main__":
    main()
