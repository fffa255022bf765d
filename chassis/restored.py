"""`python -m chassis.restored`: run it after a restore and before the start, so that no event number is used twice.

Needs DATABASE_URL; changes every database of the product. A repeat is harmless.
"""

from __future__ import annotations

from typing import LiteralString

import psycopg

from chassis import config, services
from chassis.events.outbox import ID_JUMP

UNSENT: LiteralString = """
UPDATE outbox SET position = NULL, published_at = NULL WHERE position > (SELECT sent FROM event_log)"""
"""Events with a position that may not have reached the broker get a new one."""
PLACES: LiteralString = "UPDATE event_log SET position = position + %s, sent = position + %s"
"""Log positions skip ahead: clients and brokers may know some that are newer than the backup."""
IDS: LiteralString = """
SELECT setval(s.name, nextval(s.name) + %s) FROM (SELECT pg_get_serial_sequence('outbox', 'id')::regclass AS name) s"""
"""Event ids skip ahead: otherwise a consumer would take a new event for one that it has handled."""
HAS_GATE: LiteralString = "SELECT to_regclass('gate') IS NOT NULL"
FORGET_GATE: LiteralString = "DELETE FROM gate"
"""The first process makes a new gate: the old one may lack even a sale from the second of the backup."""


def note_restore(url: str) -> bool:
    """Prepares one database in one transaction; returns whether it has a gate, which is then rebuilt at the start."""
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
    """Prints one line per database; stops at the first that cannot be reached."""
    try:
        for name in services.DATABASES.values():
            has_gate = note_restore(config.database_url(name))
            print(f"{name}: event numbers skip ahead{', the gate is rebuilt at the start' if has_gate else ''}")
    except (psycopg.Error, config.ConfigError) as error:
        raise SystemExit(f"restored: {str(error).strip()}") from None
    print("now empty the broker and start the services: docs/operations/backup-restore.md")


if __name__ == "__main__":
    main()
