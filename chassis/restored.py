"""`python -m chassis.restored`: after a restore and before the start, so that no number of the lost time is given again.

Needs DATABASE_URL; touches every database of the product that is there. A repeat is harmless.
"""

from __future__ import annotations

from typing import LiteralString

import psycopg

from chassis import config, services
from chassis.events.outbox import ID_JUMP

UNSENT: LiteralString = """
UPDATE outbox SET position = NULL, published_at = NULL WHERE position > (SELECT sent FROM event_log)"""
"""What had a place and may not have reached the broker gets another place."""
PLACES: LiteralString = "UPDATE event_log SET position = position + %s, sent = position + %s"
"""Positions of the log: clients and brokers may know some that the backup has forgotten."""
IDS: LiteralString = """
SELECT setval(s.name, nextval(s.name) + %s) FROM (SELECT pg_get_serial_sequence('outbox', 'id')::regclass AS name) s"""
"""Ids of events: a consumer would take a new event for one that it has handled."""
HAS_GATE: LiteralString = "SELECT to_regclass('gate') IS NOT NULL"
FORGET_GATE: LiteralString = "DELETE FROM gate"
"""The first process makes a new one: not even a sale of the backup's own second is believed to be in the old one."""


def note_restore(url: str) -> bool:
    """Prepares one database; returns whether it has a gate, which is rebuilt at the start then. One transaction."""
    with psycopg.connect(url) as connection:
        connection.execute(UNSENT)
        connection.execute(PLACES, (ID_JUMP, ID_JUMP))
        connection.execute(IDS, (ID_JUMP,))
        row = connection.execute(HAS_GATE).fetchone()
        has_gate = row is not None and bool(row[0])
        if has_gate:
            connection.execute(FORGET_GATE)
    return has_gate


def main() -> None:
    """One line per database; stops at the first that cannot be reached."""
    try:
        for name in services.DATABASES.values():
            has_gate = note_restore(config.database_url(name))
            print(f"{name}: numbers of events jump{', the gate is rebuilt at the start' if has_gate else ''}")
    except (psycopg.Error, config.ConfigError) as error:
        raise SystemExit(f"restored: {str(error).strip()}") from None
    print("now empty the broker and start the services: docs/operations/backup-restore.md")


if __name__ == "__main__":
    main()
