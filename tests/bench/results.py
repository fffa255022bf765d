"""results/latest.json: the figures, and the machine on which they were measured."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc
import orjson
import psutil  # type: ignore[import-untyped]
import psycopg
import redis

from tests.bench.config import Settings
from tests.bench.run import Line
from tests.stack import Stack

PATH = Path(__file__).parent / "results" / "latest.json"


def document(settings: Settings, stack: Stack, lines: Sequence[Line]) -> dict[str, Any]:
    """The whole document without the part of the long form."""
    return {
        "machine": machine(stack),
        "settings": {name: value for name, value in asdict(settings).items() if name != "rows"},
        "rows": {line.row.name: _row(line) for line in lines},
    }


def write(found: Mapping[str, Any], path: Path = PATH) -> None:
    """Replaces the file."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _row(line: Line) -> dict[str, Any]:
    measured = line.measured
    return {
        "what": line.row.what,
        "ops_per_s": round(measured.ops_per_s, 1),
        "p50_ms": round(measured.p50_ms, 3),
        "p99_ms": round(measured.p99_ms, 3),
        "cpu_us_per_op": round(measured.cpu_us_per_op, 2),
        "cpu_us_per_op_by_process": {name: round(us, 2) for name, us in measured.cpu_us.items() if us >= 0.005},
        "client_cpu_us_per_op": round(measured.client_cpu_us, 2),
        "in_flight": line.row.in_flight,
        "unexpected": dict(measured.failures),
    }


def machine(stack: Stack) -> dict[str, Any]:
    """The machine and servers of the measurement."""
    with psycopg.connect(stack.database("inventory"), autocommit=True) as connection:
        settings = connection.execute("SELECT current_setting('server_version'), current_setting('fsync')").fetchone()
    with redis.Redis.from_url(str(stack.run["redis"])) as server:
        valkey = server.info("server")
    return {
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "grpc": grpc.__version__,
        "postgres": settings and settings[0],
        "fsync": settings and settings[1],
        "valkey": valkey.get("valkey_version", valkey["redis_version"]),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
