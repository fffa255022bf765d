"""`make bench`: its order of work, from top to bottom."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console

from tests import stack as stacks
from tests.bench import config, growth, report, results, run
from tests.bench.config import ConfigError, Settings


def bench(settings: Settings, console: Console) -> bool:
    """Measures, prints, writes; False if a server gave an unexpected answer."""

    def say(text: str) -> None:
        console.print(text, style="dim", highlight=False)

    say("starting Postgres, Valkey and the product")
    with stacks.running() as stack:
        lines = asyncio.run(run.run(settings, stack, say))
        found = results.document(settings, stack, lines)
    report.show(console, lines)
    if settings.long:
        with stacks.running() as stack:  # a fresh one: the rows have left nothing in its tables
            found["growth"] = asyncio.run(growth.run(settings, stack, say))
        report.show_growth(console, found["growth"])
    if settings.rows:
        say("only some of the rows were measured: results/latest.json is unchanged")
    else:
        results.write(found)
        say(f"written: {results.PATH}")
    return not any(line.measured.failures for line in lines)


def main() -> int:
    """`python -m tests.bench`"""
    console = Console()
    try:
        settings = config.load()
        return 0 if bench(settings, console) else 1
    except ConfigError as wrong:
        console.print(str(wrong), markup=False, soft_wrap=True)
        return 2


if __name__ == "__main__":
    sys.exit(main())
