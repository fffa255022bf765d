"""`make migration`: creates the next numbered migration of one service from its script.py.mako."""

from __future__ import annotations

import sys

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from chassis import services
from chassis.local.config import ROOT

USAGE = f'usage: make migration SERVICE={"|".join(services.NAMES)} MESSAGE="what it does"'


def begin(service: str, message: str) -> None:
    """Writes the file; Alembic prints its path."""
    settings = Config()
    settings.set_main_option("script_location", str(ROOT / f"{service}_svc" / "migrations").replace("%", "%%"))
    settings.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    last = ScriptDirectory.from_config(settings).get_current_head()
    command.revision(settings, message, rev_id=f"{int(last or 0) + 1:04}")


def main() -> None:
    """`python -m chassis.local.migration inventory "a message"`"""
    if len(sys.argv) != 3 or sys.argv[1] not in services.NAMES or not sys.argv[2].strip():
        raise SystemExit(USAGE)
    try:
        begin(sys.argv[1], sys.argv[2].strip())
    except CommandError as failed:
        raise SystemExit(f"migration: {failed}") from None


if __name__ == "__main__":
    main()
