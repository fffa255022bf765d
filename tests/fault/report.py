"""The table, its markdown, and results/latest.json."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.fault.config import Settings
from tests.fault.faults.fault import Fault
from tests.fault.trials import Row

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("fault", "tries", "requests", "oversold", "lost", "stranded", "events", "seconds until healthy")
TRY_S = 11.0
"""A try without its pause: goods, load before and after, the last answers."""
WAVE_S = 45.0
"""A cluster of its own, and the wait for leftovers."""


def expected_minutes(settings: Settings, faults: Sequence[Fault]) -> float:
    """About how long a run takes."""
    pauses = sum(settings.pause_s(fault.pause_s) for fault in faults)
    waves = len({fault.wave for fault in faults})
    return (settings.tries * (len(faults) * TRY_S + pauses) + waves * WAVE_S) / 60


def cells(row: Row) -> list[str]:
    """One line of the table."""
    verdict = row.verdict
    numbers = (row.tries, row.requests, verdict.oversold, verdict.lost, verdict.stranded, verdict.events)
    return [row.fault, *(f"{number:,}" for number in numbers), f"{row.healthy_s:.1f}"]


def show(console: Console, rows: Sequence[Row]) -> None:
    """Prints the table, then the notes, then every failure."""
    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "fault" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*cells(row), style=None if row.clean else "red")
    console.print(table)
    for row in rows:
        for text in row.told:
            console.print(f"{row.fault}: {text}", markup=False, highlight=False)
    for row in rows:
        for text in (*row.failed, *row.verdict.examples):
            console.print(f"{row.fault}: {text}", style="red", markup=False, highlight=False)


def markdown(rows: Sequence[Row]) -> str:
    """The table for a README."""
    lines = [" | ".join(COLUMNS), " | ".join(["---", *["---:"] * (len(COLUMNS) - 1)])]
    lines += [" | ".join(cells(row)) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def write(settings: Settings, rows: Sequence[Row]) -> Path:
    """results/latest.json and results/latest.md."""
    RESULTS.mkdir(exist_ok=True)
    document = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rate": settings.rate,
        "rows": {row.fault: _document(row) for row in rows},
    }
    path = RESULTS / "latest.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    (RESULTS / "latest.md").write_text(markdown(rows))
    return path


def _document(row: Row) -> dict[str, object]:
    verdict = row.verdict
    return {
        "tries": row.tries,
        "requests": row.requests,
        "oversold": verdict.oversold,
        "lost": verdict.lost,
        "stranded": verdict.stranded,
        "events": verdict.events,
        "seconds_until_healthy": round(row.healthy_s, 2),
        "told": row.told,
        "failed": [*row.failed, *verdict.examples],
    }
