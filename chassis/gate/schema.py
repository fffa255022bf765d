"""The journal's functions for one service: the SQL files with the service's table names and events filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class JournalSchema:
    """One service's names for the tables that the mechanism calls levels, movements and reservations.

    `payload` is a SQL expression over the reservation row `r`, `tell_levels` a statement over the relation `{changed}`
    that inserts one outbox row per changed level, with `{cause}` as the movement kind.
    """

    levels: str
    movements: str
    reservations: str
    event: str
    payload: str
    tell_levels: str

    def statements(self) -> list[str]:
        """CREATE OR REPLACE statements, in their order; safe to repeat."""
        shared = self._render("shared").split(";\n\n")
        return [*shared, *(self._render(name) for name in ("reserve", "settle", "look"))]

    def _render(self, name: str) -> str:
        text = (FOLDER / f"{name}.sql").read_text()
        text = re.sub(
            r"@tell_levels:(\w+):(\w+)@",
            lambda found: self.tell_levels.format(changed=found[1], cause=found[2]),
            text,
        )
        for word in ("levels", "movements", "reservations", "event", "payload"):
            text = text.replace(f"@{word}@", getattr(self, word))
        return text
