"""Prints the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.run import Line


def show(console: Console, lines: Sequence[Line]) -> None:
    """One line per row; `/echo` and `/ceiling` are shares of the rates of the two rows whose calls do nothing."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("row", no_wrap=True)
    for column in ("ops/s", "/echo", "/ceiling", "p50 ms", "p99 ms", "CPU us", "load us"):
        table.add_column(column, justify="right", no_wrap=True)
    reached = {line.row.name: line.measured.ops_per_s for line in lines}
    nothing = [reached.get("echo"), reached.get("echo_queued")]
    group = ""
    for line in lines:
        if line.row.group != group:
            group = line.row.group
            table.add_section()
            table.add_row(f"[bold]{group}[/bold]")
        table.add_row(*_cells(line, nothing))
    console.print(table)
    for line in lines:
        console.print(f"{line.row.name}: {line.row.what}", style="dim", highlight=False)
    for line in lines:
        if line.measured.failures:
            console.print(f"{line.row.name}: unexpected answers: {dict(line.measured.failures)}", style="red")


def show_growth(console: Console, growth: Sequence[Mapping[str, Any]]) -> None:
    """One line per size."""
    table = Table(title="as stock grows", title_justify="left")
    for column in ("levels", "live reservations", "rebuild s", "gate MiB", "MiB per million", "reserve_spread/s"):
        table.add_column(column, justify="right")
    for each in growth:
        mib = each["gate_bytes"] / 2**20
        table.add_row(
            f"{each['levels']:,}",
            f"{each['reservations']:,}",
            f"{each['rebuild_s']:.2f}",
            f"{mib:.1f}",
            f"{mib / each['levels'] * 1e6:.0f}",
            f"{each['reserve_spread_ops_per_s']:,.0f}",
        )
    console.print(table)


def _cells(line: Line, nothing: Sequence[float | None]) -> tuple[str, ...]:
    measured = line.measured
    return (
        line.row.name,
        f"{measured.ops_per_s:,.0f}",
        *(f"{measured.ops_per_s / most:.2f}" if most else "" for most in nothing),
        f"{measured.p50_ms:.1f}",
        f"{measured.p99_ms:.1f}",
        f"{measured.cpu_us_per_op:,.0f}",
        f"{measured.client_cpu_us:,.0f}",
    )
