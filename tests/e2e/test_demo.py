"""A small `make demo` against the whole product: its own audit is the assertion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from chassis.local.config import ROOT
from tests import config
from tests.stack import Stack

WITHIN_S = 150
SMALL = {"DEMO_ORDERS": "150", "DEMO_BUYERS": "200", "DEMO_CLIENTS": "16", "DEMO_SEED": "7", "COLUMNS": "120"}


def run_demo(run_json: Path) -> subprocess.CompletedProcess[str]:
    environment = {**config.load().environment, **SMALL, "RUN_JSON": str(run_json)}
    command = [sys.executable, "-m", "tests.demo"]
    return subprocess.run(  # noqa: S603 our own program
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


def test_every_line_of_the_audit_holds_on_fresh_data_and_again_on_the_same_data(stack: Stack) -> None:
    for _ in range(2):
        demo = run_demo(stack.local / "run.json")
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert "lines hold" in demo.stdout
        assert "FAIL" not in demo.stdout


def test_without_a_running_product_the_demo_says_so_in_one_line(tmp_path: Path) -> None:
    demo = run_demo(tmp_path / "run.json")
    assert demo.returncode == 2
    assert demo.stdout.count("\n") == 1
    assert "make run" in demo.stdout
    assert demo.stderr == ""
