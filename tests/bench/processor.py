"""Processor time that server processes and their children have used so far."""

from __future__ import annotations

from collections.abc import Mapping

import psutil  # type: ignore[import-untyped]


def used_s(pids: Mapping[str, int]) -> dict[str, float]:
    """Seconds by name, user and system together. The time of an ended child counts for its parent."""
    return {name: _tree_s(pid) for name, pid in pids.items()}


def _tree_s(pid: int) -> float:
    root = psutil.Process(pid)
    return sum(_one_s(process) for process in (root, *root.children(recursive=True)))


def _one_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
