"""`chassis.migrate` for all services in one process: starting one each would cost a second of every start."""

from __future__ import annotations

import psycopg

from chassis import config
from chassis.local.run_file import DATABASES
from chassis.migrate import migrate


def main() -> None:
    """Brings every database up to date; ends with one line when one cannot be."""
    for database in DATABASES.values():
        try:
            migrate(database, config.database_url(database))
        except (psycopg.Error, config.ConfigError) as failed:
            raise SystemExit(f"{database}: {str(failed).strip()}") from None


if __name__ == "__main__":
    main()
