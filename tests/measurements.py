"""Writes the tables of measurements into the documents, from the results that the proofs keep as JSON.

A table stands between `<!-- table: name -->` and `<!-- end -->`; the program replaces it. `--check` changes nothing and
fails when a document shows other figures than the results.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("docs/measurements.md", "edge/README.md")
TABLE = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
ROWS = {
    "echo": "`echo`: a call that only returns its id, taken as grpc.aio takes calls",
    "echo_queued": "`echo_queued`: the same call, taken as this server takes calls of busy methods (the ceiling)",
    "reserve_hot": "`ReserveStock`, durable, one hot sku",
    "reserve_hot_half": "the same at half of its peak, open loop",
    "reserve_spread": "`ReserveStock` over 10,000 skus",
    "reserve_basket3": "`ReserveStock` with three lines",
    "batch_reserve": "`BatchReserveStock`, reservations",
    "sold_out": "`ReserveStock`, refused",
    "replay": "`ReserveStock`, repeated",
    "commit": "`CommitReservation`",
    "place_order_grpc": "`PlaceOrder`: three lines, a code, sandbox payment",
    "place_order_rest": "the same over REST",
    "get_stock": "`GetStock`",
    "batch_get_stock": "`BatchGetStock` of 100 skus",
    "sql_guarded_update": "instead: a guarded `UPDATE` and an `INSERT` in one statement",
    "sql_guarded_same_promises": "instead: our promises with one transaction per call",
    "sql_for_update": "instead: `SELECT ... FOR UPDATE`",
    "sql_skip_locked": "instead: a row per unit, `SKIP LOCKED`",
    "redis_decr": "instead: `DECRBY`, not durable",
}
FAULTS = {
    "kill -9 of inventory: between gate, journal, response and give; in the relay": (
        *("kill-gate-before-journal", "kill-journal-before-answer", "kill-settled-before-give"),
        *("kill-relay-numbered", "kill-relay-sent"),
    ),
    "kill -9 of order, promo and edge: between a call and its record": ("kill-order-", "kill-promo-", "kill-edge-"),
    "kill -9 at four points of a rebuild": ("kill-rebuild-",),
    "Valkey killed, promoted, flushed, restarted, stopped, out of memory": (
        *("valkey-killed", "valkey-replica-promoted", "valkey-flushed"),
        *("valkey-restarted", "valkey-stopped", "valkey-full"),
    ),
    "Postgres killed; replies to COMMIT cut off; bad rows in full batches": (
        *("postgres-killed", "commit-reply-cut", "poison-row"),
    ),
    "commits and releases at the moment of expiry": ("expire-against-commit",),
    "the process's clock ten minutes ahead, behind": ("clock-",),
    "process stopped for 90 s between gate and journal while another serves": ("service-stopped",),
    "a minute without Postgres, without Valkey": ("cut-from-",),
    "connections that fall silent for good": ("postgres-connections", "valkey-connections"),
    "five times the peak, over few and over many connections": ("overload-",),
    "rolling restarts of inventory, order, edge": ("rolling-",),
}
PUSHED = {
    "pubsub_raw": "the ceiling: Redis `PUBLISH` to 100 subscribers, nothing kept",
    "websocket": "100 WebSocket clients",
    "websocket_beside_webhooks": "100 WebSocket clients while 100 endpoints get webhooks",
    "webhook": "100 webhook endpoints: delivered, signed, recorded",
}


def bench() -> str:
    """`make bench`: each row next to the two yardsticks."""
    rows = _results("bench")["rows"]
    echo, ceiling = rows["echo"]["ops_per_s"], rows["echo_queued"]["ops_per_s"]
    lines = (
        [
            what,
            f"{row['ops_per_s']:,.0f}",
            f"{row['ops_per_s'] / echo:.3g}",
            f"{row['ops_per_s'] / ceiling:.2g}",
            f"{row['p50_ms']:.0f}",
            f"{row['p99_ms']:.0f}",
            f"{row['cpu_us_per_op']:,.0f}",
        ]
        for name, what in ROWS.items()
        if (row := rows.get(name))
    )
    return _table(["what", "per second", "of `echo`", "of the ceiling", "p50 ms", "p99 ms", "CPU us"], lines)


def growth() -> str:
    """`make bench`, the long form: the same load on more and more stock levels."""
    lines = (
        [
            f"{one['levels']:,}",
            f"{one['reservations']:,}",
            f"{one['reserve_spread_ops_per_s']:,.0f}",
            f"{one['reserve_spread_p99_ms']:.0f}",
            f"{one['rebuild_s']:.1f}",
            f"{one['gate_bytes'] / 2**20:.0f}",
        ]
        for one in _results("bench").get("growth", [])
    )
    heading = ["stock levels", "live reservations", "`ReserveStock` per second", "p99 ms", "rebuild s", "gate MiB"]
    return _table(heading, lines)


def fault() -> str:
    """`make fault`: faults of a kind together."""
    rows: Mapping[str, Any] = _results("fault")["rows"]
    left = set(rows)
    lines = []
    for what, beginnings in FAULTS.items():
        found = [name for name in rows if name.startswith(beginnings)]
        left -= set(found)
        if found:
            lines.append(_faults(what, [rows[name] for name in found]))
    lines += [_faults(name, [rows[name]]) for name in sorted(left)]
    return _table(
        ["fault", "faults", "requests", "oversold", "lost", "stranded", "events", "seconds until healthy"], lines
    )


def delivery() -> str:
    """`make delivery`."""
    lines = (
        [
            what,
            *(f"{row[name]:,}" for name in ("events", "missing", "twice", "disordered", "repeats")),
            f"{row['seconds']:.1f}",
        ]
        for what, row in _results("delivery").items()
    )
    heading = [
        "fault",
        "events",
        "missing",
        "effects twice",
        "out of order",
        "webhooks repeated",
        "seconds until complete",
    ]
    return _table(heading, lines)


def push() -> str:
    """`make bench-push`: one block of rows per pair of servers that were measured."""
    found = _results("bench", "push")
    lines = []
    for servers in (found, *([found["given"]] if "given" in found else [])):
        postgres = f"PostgreSQL {servers['machine']['postgres'].split()[0]}"
        for name, what in PUSHED.items():
            row = servers["rows"][name]
            figures = (f"{row[figure]:.1f}" for figure in ("p50_ms", "p99_ms", "most_ms"))
            lines.append([postgres, what, f"{row['told_per_s']:,.0f}", *figures])
    return _table(["servers", "receiver", "per second", "p50 ms", "p99 ms", "slowest ms"], lines)


def siege() -> str:
    """`make siege`."""
    lines = (
        [
            one["attack"],
            *(f"{one[name]:.1f}" for name in ("p50_ms", "p99_ms", "slowest_ms")),
            str(sum(one["failures"].values())),
            f"{one['probe_p99_ms']:.1f}",
            str(sum(one["probe_failures"].values())),
            *(f"{one[name]:.0f}" for name in ("before_mib", "most_mib", "after_mib")),
        ]
        for one in _results("siege")["attacks"]
    )
    heading = [
        "attack",
        "p50 ms",
        "p99 ms",
        "slowest ms",
        "failed",
        "`/healthz` p99 ms",
        "failed",
        "MiB before",
        "most",
        "after",
    ]
    return _table(heading, lines)


TABLES: Mapping[str, Callable[[], str]] = {
    "bench": bench,
    "growth": growth,
    "fault": fault,
    "delivery": delivery,
    "push": push,
    "siege": siege,
}


def written(text: str) -> str:
    """The document with the tables as the results have them. KeyError for a table that does not exist."""
    return TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)


def stale() -> list[str]:
    """Documents that show other figures than the results."""
    return [path for path in DOCUMENTS if written(text := (ROOT / path).read_text(encoding="utf-8")) != text]


def main() -> int:
    """`python -m tests.measurements [--check]`"""
    found = stale()
    if "--check" in sys.argv[1:]:
        for path in found:
            sys.stderr.write(f"{path}: tables differ from the results; run make measurements\n")
        return 1 if found else 0
    for path in found:
        file = ROOT / path
        file.write_text(written(file.read_text(encoding="utf-8")), encoding="utf-8")
        sys.stdout.write(f"written: {path}\n")
    return 0


def _faults(what: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    sums = (
        f"{sum(row[name] for row in rows):,}"
        for name in ("tries", "requests", "oversold", "lost", "stranded", "events")
    )
    healthy = sorted(row["seconds_until_healthy"] for row in rows)
    first, last = f"{healthy[0]:.1f}", f"{healthy[-1]:.1f}"
    return [what, *sums, first if first == last else f"{first} to {last}"]


def _results(proof: str, name: str = "latest") -> Any:
    return json.loads((ROOT / "tests" / proof / "results" / f"{name}.json").read_text(encoding="utf-8"))


def _table(heading: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heading, ["---"] * len(heading), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
