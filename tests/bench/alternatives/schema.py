"""The alternatives' tables: levels as numbers, units as rows, and the reservations that every alternative writes."""

from __future__ import annotations

import psycopg

from chassis.migrate import create_database

TABLES = """
CREATE TABLE levels (
  sku text PRIMARY KEY,
  on_hand bigint NOT NULL,
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0)
) WITH (fillfactor = 50);
CREATE TABLE units (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sku text NOT NULL,
  reservation_id text
) WITH (fillfactor = 80);
CREATE INDEX free_units ON units (sku, id) WHERE reservation_id IS NULL;
CREATE TABLE reservations (
  id text PRIMARY KEY,
  sku text NOT NULL,
  quantity bigint NOT NULL,
  expires_at timestamptz NOT NULL
);
"""


def fill(database_url: str, skus: list[str], on_hand: int, hot_units: int) -> None:
    """Fills the database; `hot_units` is the number of rows for the first sku."""
    create_database(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(TABLES)
        connection.execute("INSERT INTO levels (sku, on_hand) SELECT unnest(%s::text[]), %s", (skus, on_hand))
        connection.execute("INSERT INTO units (sku) SELECT %s FROM generate_series(1, %s)", (skus[0], hot_units))
        connection.execute("VACUUM ANALYZE")
