"""`chassis.migrate` for all services in one process: one process per service would add a second to every start."""

from __future__ import annotations

import psycopg

from chassis import config, services
from chassis.migrate import migrate


def main() -> None:
    """Brings every database up to date; exits with one line when one fails."""
    for database in services.DATABASES.values():
        try:
            migrate(database, config.database_url(database))
        except (psycopg.Error, config.ConfigError) as failed:
            raise SystemExit(f"{database}: {str(failed).strip()}") from None


if __name__ == "__main__":
    main()
