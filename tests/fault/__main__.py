"""`make fault`: its order of work, from top to bottom."""

from __future__ import annotations

import asyncio
import sys
import time

from rich.console import Console

from tests.fault import config, report, trials
from tests.fault.config import ConfigError, Settings
from tests.fault.faults.catalogue import chosen, waves
from tests.fault.trials import Row

WIDTH = 140
"""Columns of the table in a file or a pipe."""


async def run(settings: Settings, console: Console) -> list[Row]:
    """Runs one wave after the other; a wave that cannot continue becomes a failed row."""

    def say(text: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')} {text}", style="dim", highlight=False)

    rows: list[Row] = []
    for name, faults in waves(chosen(settings.only)):
        say(f"-- {name}: {', '.join(fault.name for fault in faults)}")
        rows += await trials.wave(settings, faults, say)
    return rows


def main() -> int:
    """`python -m tests.fault`"""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        settings = config.load()
        faults = chosen(settings.only)
    except ConfigError as wrong:
        console.print(str(wrong), markup=False, soft_wrap=True)
        return 2
    console.print(f"{len(faults)} faults, {report.expected_minutes(settings, faults):.0f} minutes", style="dim")
    rows = asyncio.run(run(settings, console))
    report.show(console, rows)
    if not settings.only:
        console.print(f"written: {report.write(settings, rows)}", style="dim")
    return 0 if all(row.clean for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
