"""The log's functions in Postgres: the same in every service's database, installed by every migration run."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
NAMES = ("event_time", "number_events", "read_events")


def statements() -> list[str]:
    """CREATE OR REPLACE statements, in their order; safe to repeat."""
    return [(FOLDER / f"{name}.sql").read_text() for name in NAMES]
