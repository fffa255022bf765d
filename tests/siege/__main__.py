"""`python -m tests.siege`: its order of work, from top to bottom."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import orjson
from rich.console import Console

from chassis import process
from tests import stack as stacks
from tests.siege import config
from tests.siege.attack import ATTACKS
from tests.siege.siege import Verdict, besieged

PATH = Path(__file__).parent / "results" / "latest.json"
HEAD = (
    "| attack | calls | p50 ms | p99 ms | slowest ms | failed | `/healthz` p99 ms | failed | MiB before | most | after | |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
)


def row(one: Verdict) -> str:
    """One line of the table."""
    cells = (
        one.attack,
        f"{one.calls:,}",
        f"{one.p50_ms:,.1f}",
        f"{one.p99_ms:,.1f}",
        f"{one.slowest_ms:,.1f}",
        f"{sum(one.failures.values()):,}",
        f"{one.probe_p99_ms:,.1f}",
        f"{sum(one.probe_failures.values()):,}",
        f"{one.before_mib:,.0f}",
        f"{one.most_mib:,.0f}",
        f"{one.after_mib:,.0f}",
        "; ".join(one.complaints) or "holds",
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Runs every attack on a separate product; returns 1 if a promise did not hold."""
    console = Console(soft_wrap=True)
    process.allow_many_connections()
    try:
        settings = config.load()
    except config.ConfigError as error:
        console.print(f"siege: {error}")
        return 2
    verdicts: list[Verdict] = []
    for name in ATTACKS:
        if settings.only and not any(part in name for part in settings.only):
            continue
        console.print(f"{name} ...", style="dim")
        with stacks.running() as stack:
            verdicts.append(asyncio.run(besieged(stack, name, settings.seconds)))
        console.print(row(verdicts[-1]), style="dim", highlight=False)
    console.print("\n".join([*HEAD, *map(row, verdicts)]), highlight=False)
    if not settings.only:
        PATH.parent.mkdir(exist_ok=True)
        document = {"seconds": settings.seconds, "attacks": [one.document() for one in verdicts]}
        PATH.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return 1 if any(one.complaints for one in verdicts) else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
